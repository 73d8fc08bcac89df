import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { resumeLink } from "../bank";
import { Skeleton } from "../parts/basics";
import { useAction } from "../parts/useAction";
import { useLinkOutcome } from "../parts/useLinkFlow";

/** Where a bank with OAuth sends the browser back to: Link goes on from here. */
export default function LinkReturn() {
  const [, go] = useLocation();
  const { run } = useAction();
  const tell = useLinkOutcome();
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const resume = async () => {
      const resumed = await resumeLink();
      if (resumed) tell(resumed.purpose, resumed.outcome);
    };
    void run(resume).finally(() => go("/", { replace: true }));
  });
  return <Skeleton lines={3} height={180} />;
}
