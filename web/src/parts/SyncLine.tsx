import { Progress } from "@base-ui/react/progress";
import { CircleCheck, Clock } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { BankConnection, SyncProgress } from "../bank";
import { useText } from "../text/language";
import { useNow } from "./basics";
import { nameOf, syncLineOf } from "./situation";

/** Says once that a run which was watched has ended well: the line itself goes on changing with the time. */
function useEnd({ busy, tone }: { busy: boolean; tone: string }, words: string): string {
  const watched = useRef(busy);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (busy) setSaid("");
    else if (watched.current && tone === "calm") setSaid(words);
    watched.current = busy;
  }, [busy, tone, words]);
  return said;
}

/** One line under a connection; its height is the same whatever it says, so that nothing jumps. */
export function SyncLine({ connection, progress }: { connection: BankConnection; progress: SyncProgress | undefined }) {
  const { t, language } = useText();
  const line = syncLineOf(connection, progress, useNow(), t, language);
  const ended = useEnd(line, t.sync.ended(nameOf(connection, t)));
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
      <span role="status" className="unseen">
        {ended}
      </span>
      {line.busy && (
        <Progress.Root value={line.percent} aria-label={t.sync.label(nameOf(connection, t))} className="bar">
          <Progress.Track className="bar-track">
            <Progress.Indicator className="bar-fill" />
          </Progress.Track>
        </Progress.Root>
      )}
    </div>
  );
}
