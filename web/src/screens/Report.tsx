import type { User } from "firebase/auth";
import { useState } from "react";
import { recentErrors, useAllProgress, useConnections } from "../bank";
import { bank } from "../bank/session";
import { Button, Field } from "../parts/basics";
import Dialog from "../parts/Dialog";
import { say } from "../parts/toasts";
import { useAction } from "../parts/useAction";
import { useText } from "../text/language";

/** A report for support: ids and error codes, no financial data. */
function useDetails(uid: string): string[] {
  const connections = useConnections().rows;
  const progress = useAllProgress().rows;
  const of = (id: string) => progress.find((one) => one.connection_id === id);
  const errors = recentErrors.map(({ at, code, requestId, details }) =>
    [at.toISOString(), code, details.plaid?.error_code, requestId && `request_id ${requestId}`]
      .filter(Boolean)
      .join("  "),
  );
  return [
    `time           ${new Date().toISOString()}`,
    `user           ${uid}`,
    `page           ${location.pathname}`,
    `browser        ${navigator.userAgent}`,
    ...connections.map(({ connection_id, institution_id, status, error_code }) => {
      const sync = of(connection_id);
      const failed = sync?.error ? `${sync.error.code} request_id ${sync.error.request_id ?? "-"}` : "";
      return `connection     ${connection_id}  ${institution_id ?? "-"}  ${status} ${error_code ?? ""}  ${sync?.status ?? "-"} ${failed}`;
    }),
    ...errors.map((line) => `error          ${line}`),
  ];
}

export default function Report({ user, onClose }: { user: User; onClose(): void }) {
  const { t } = useText();
  const words = t.report;
  const [what, setWhat] = useState("");
  const details = useDetails(user.uid);
  const everything = [what.trim(), "", ...details].join("\n");
  const address = bank().config.support_email;
  const { run } = useAction();
  const copy = () =>
    run(async () => {
      await navigator.clipboard.writeText(everything);
      say(words.copied);
    });
  const mail = `mailto:${address}?subject=${encodeURIComponent(words.title)}&body=${encodeURIComponent(everything)}`;
  return (
    <Dialog title={words.title} onClose={onClose} wide>
      <Field label={words.what}>
        {(id) => (
          <textarea
            id={id}
            rows={3}
            value={what}
            placeholder={words.placeholder}
            onChange={(event) => setWhat(event.target.value)}
          />
        )}
      </Field>
      <Field label={words.details}>
        {(id) => <textarea id={id} className="technical" readOnly rows={8} value={details.join("\n")} />}
      </Field>
      <footer>
        {address && (
          <a className="button plain" href={mail}>
            {words.mail}
          </a>
        )}
        <Button look="main" onClick={copy}>
          {words.copy}
        </Button>
      </footer>
    </Dialog>
  );
}
