import { Bell, CircleAlert, CircleCheck, Info } from "lucide-react";
import { useRef } from "react";
import { Link } from "wouter";
import {
  markRead,
  type Notification,
  type NotificationKind,
  useConnections,
  useNotifications,
  useOnline,
  useUid,
} from "../bank";
import { Button, Empty, Skeleton, useNow } from "../parts/basics";
import { LoadFailed } from "../parts/LoadFailed";
import { useAction } from "../parts/useAction";
import { useTitle } from "../parts/useTitle";
import { relative, useText } from "../text/language";

const ALARMING = new Set<NotificationKind>(["needs_repair", "needs_relink", "expiring", "disconnecting", "link_again"]);
const CHEERFUL = new Set<NotificationKind>(["repaired", "renewed", "first_sync_done", "bank_back"]);

function Icon({ kind }: { kind: NotificationKind }) {
  if (ALARMING.has(kind)) return <CircleAlert aria-hidden className="bad-ink" />;
  return CHEERFUL.has(kind) ? (
    <CircleCheck aria-hidden className="good-ink" />
  ) : (
    <Info aria-hidden className="info-ink" />
  );
}

function Told({ one, known }: { one: Notification; known: boolean }) {
  const { t, language } = useText();
  const uid = useUid();
  const now = useNow();
  const read = () => {
    if (!one.read_at) markRead(uid, one.notification_id).catch(() => undefined); // on failure it stays unread
  };
  return (
    <li className={`told ${one.read_at ? "" : "unread"}`} data-testid="notification">
      <Icon kind={one.kind} />
      <div>
        <h2>
          {one.title} {!one.read_at && <span className="tag">{t.notifications.new}</span>}
        </h2>
        <p>{one.body}</p>
        <p className="soft">
          {relative(one.created_at.toDate(), now, language)}
          {known && (
            <>
              {" · "}
              <Link href={`/connections/${one.connection_id}`} onClick={read}>
                {t.notifications.open}
              </Link>
            </>
          )}
        </p>
      </div>
    </li>
  );
}

/** The user's notifications, newest first. */
export default function Notifications() {
  const { t } = useText();
  const uid = useUid();
  const online = useOnline();
  const { rows, state, error, unread } = useNotifications();
  const known = new Set(useConnections().rows.map((one) => one.connection_id));
  useTitle(t.notifications.title);
  const { run } = useAction();
  const title = useRef<HTMLHeadingElement>(null);
  const readAll = () => {
    title.current?.focus(); // the button disappears: move the keyboard focus
    const unseen = rows.filter((one) => !one.read_at);
    void run(async () => void (await Promise.all(unseen.map((one) => markRead(uid, one.notification_id)))));
  };
  return (
    <>
      <header className="page-head">
        <h1 ref={title} tabIndex={-1}>
          {t.notifications.title}
        </h1>
        {unread > 0 && (
          <Button disabled={!online} onClick={readAll}>
            {t.notifications.readAll}
          </Button>
        )}
      </header>
      {state === "failed" && <LoadFailed error={error} />}
      {state === "loading" && <Skeleton lines={4} height={84} />}
      {state === "ready" && rows.length === 0 && (
        <Empty icon={<Bell aria-hidden />} title={t.notifications.emptyTitle}>
          <p>{t.notifications.emptyBody}</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <ul className="card told-list">
          {rows.map((one) => (
            <Told key={one.notification_id} one={one} known={known.has(one.connection_id)} />
          ))}
        </ul>
      )}
    </>
  );
}
