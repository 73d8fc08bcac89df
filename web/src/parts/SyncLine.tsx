import { Progress } from "@base-ui/react/progress";
import { CircleCheck, Clock } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { BankConnection, SyncProgress } from "../bank";
import { useText } from "../text/language";
import { useNow } from "./basics";
import { nameOf, syncLineOf } from "./situation";

/** Whether the sync completed while the page was open: screen readers announce that once. */
function useEnded(status: SyncProgress["status"] | undefined): boolean {
  const before = useRef(status);
  const [ended, setEnded] = useState(false);
  useEffect(() => {
    if (before.current && status !== before.current) setEnded(status === "completed");
    before.current = status;
  }, [status]);
  return ended;
}

/** The sync status under a connection, in one line of constant height so that the layout does not shift. */
export function SyncLine({ connection, progress }: { connection: BankConnection; progress: SyncProgress | undefined }) {
  const { t, language } = useText();
  const line = syncLineOf(connection, progress, useNow(), t, language);
  const ended = useEnded(progress?.status);
  const counts =
    progress?.status === "in_progress" ? t.sync.counts(progress.added, progress.modified, progress.removed) : "";
  return (
    <div className={`sync-line ${line.tone}`} data-testid="sync-line" data-status={progress?.status}>
      <p>
        {line.tone === "calm" && <CircleCheck aria-hidden />}
        {line.tone === "warn" && <Clock aria-hidden />}
        <span role={line.tone === "calm" ? undefined : "status"}>{line.text}</span>
        {counts && <span className="soft count">{counts}</span>}
      </p>
      <span role="status" className="sr">
        {ended && t.sync.ended(nameOf(connection, t))}
      </span>
      {line.busy && (
        <Progress.Root
          value={line.percent}
          locale={language}
          aria-label={t.sync.label(nameOf(connection, t))}
          className="bar"
        >
          <Progress.Track className="bar-track">
            <Progress.Indicator className="bar-fill" />
          </Progress.Track>
        </Progress.Root>
      )}
    </div>
  );
}
