import { CircleAlert, Info } from "lucide-react";
import type { BankConnection } from "../bank";
import { useConnections, useOnline } from "../bank";
import { useText } from "../text/language";
import { Button } from "./basics";
import { nameOf, noticeOf } from "./situation";
import { useLinkFlow } from "./useLinkFlow";

/** What the user should do about a connection, with the button that does it. */
export function Notice({ connection }: { connection: BankConnection }) {
  const { t, language } = useText();
  const link = useLinkFlow();
  const online = useOnline();
  const isReplaced = useConnections().rows.some((one) => one.replaces === connection.connection_id);
  if (isReplaced) {
    return (
      <div className="note info notice" data-testid="notice">
        <Info aria-hidden />
        <p>{t.notice.replaced(nameOf(connection, t))}</p>
      </div>
    );
  }
  const notice = noticeOf(connection, t, language);
  if (!notice) return null;
  return (
    <div className={`note ${notice.tone} notice`} data-testid="notice">
      {notice.tone === "info" ? <Info aria-hidden /> : <CircleAlert aria-hidden />}
      <p>{notice.text}</p>
      <Button
        look="main"
        busy={link.isBusy(notice.purpose)}
        disabled={!online || link.taken}
        onClick={() => link.open(notice.purpose, connection.institution_id)}
      >
        {notice.action}
      </Button>
    </div>
  );
}
