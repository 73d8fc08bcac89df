import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { type BankError, resumeLink } from "../bank";
import { Skeleton } from "../parts/basics";
import { askingAboutDuplicates } from "../parts/duplicate";
import { LoadFailed } from "../parts/LoadFailed";
import { useAction } from "../parts/useAction";
import { useLinkOutcome, withLink } from "../parts/useLinkFlow";

/** Link's script did not come: what there is to resume is still there, so the page can be loaded again. */
const isUnbegun = (error: BankError | null) => error?.code === "link_unavailable" || error?.code === "offline";

/** Where a bank with OAuth sends the browser back to: Link goes on from here. */
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
      const { purpose, outcome } = await resumeLink();
      tell(purpose, outcome);
    };
    void run(() => withLink(null, () => askingAboutDuplicates(resume))).then((refused) => {
      if (isUnbegun(refused)) setError(refused);
      else if (location.pathname === from) go("/", { replace: true }); // who has gone elsewhere meanwhile stays there
    });
  });
  if (error) return <LoadFailed error={error} alone />;
  return <Skeleton lines={3} height={180} />;
}
