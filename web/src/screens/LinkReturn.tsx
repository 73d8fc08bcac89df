import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { type BankError, resumeLink } from "../bank";
import { Skeleton } from "../parts/basics";
import { askingAboutDuplicates } from "../parts/duplicate";
import { LoadFailed } from "../parts/LoadFailed";
import { askWhichToReplace } from "../parts/replace";
import { useAction } from "../parts/useAction";
import { useLinkOutcome, withLink } from "../parts/useLinkFlow";

/** Link's script failed to load: the session can still be resumed, so a reload may help. */
const isUnbegun = (error: BankError | null) => error?.code === "link_unavailable" || error?.code === "offline";

/** The redirect URI of OAuth banks: resumes Link. */
export default function LinkReturn() {
  const [from, go] = useLocation();
  const { run } = useAction();
  const tell = useLinkOutcome();
  const begun = useRef(false);
  const [error, setError] = useState<BankError | null>(null);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const resume = async () => {
      const { purpose, outcome } = await resumeLink({ choose: askWhichToReplace });
      tell(purpose, outcome);
    };
    void run(() => withLink(null, () => askingAboutDuplicates(resume))).then((refused) => {
      if (isUnbegun(refused)) setError(refused);
      else if (location.pathname === from) go("/", { replace: true }); // unless the user has opened another page since
    });
  });
  if (error) return <LoadFailed error={error} alone />;
  return <Skeleton lines={3} height={180} />;
}
