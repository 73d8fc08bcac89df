import { Archive as ArchiveIcon, ArrowLeft, ArrowLeftRight, ListPlus, RefreshCw, Trash2, Unplug } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import {
  type Account,
  type BankConnection,
  removeConnection,
  syncConnection,
  useAccounts,
  useConnections,
  useOnline,
  useSyncProgress,
} from "../bank";
import { AccountRow } from "../parts/Accounts";
import { Button, Empty, Skeleton } from "../parts/basics";
import { LoadFailed } from "../parts/LoadFailed";
import { Notice } from "../parts/Notice";
import { ConnectionProducts } from "../parts/Products";
import { SyncLine } from "../parts/SyncLine";
import { nameOf } from "../parts/situation";
import { say } from "../parts/toasts";
import { useAction } from "../parts/useAction";
import { useLinkFlow } from "../parts/useLinkFlow";
import { useTitle } from "../parts/useTitle";
import { dateText, longDay, useText } from "../text/language";
import { ConnectionLogo } from "./Overview";

const Confirm = lazy(() => import("../parts/Confirm"));
const TYPES = ["depository", "credit", "investment", "loan", "other"];
const typeOf = (account: Account) => (TYPES.includes(account.type) ? account.type : "other");

/** A countdown in seconds, down to 0. */
function useCountdown(): [number, (seconds: number) => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left === 0) return;
    const tick = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(tick);
  }, [left]);
  return [left, setLeft];
}

function Actions({ connection, onRemove }: { connection: BankConnection; onRemove(): void }) {
  const { t } = useText();
  const online = useOnline();
  const link = useLinkFlow();
  const refresh = useAction();
  const [wait, setWait] = useCountdown();
  const progress = useSyncProgress(connection.connection_id);
  const { connection_id, status } = connection;
  const running = progress?.status === "in_progress" || (progress?.status === "pending" && progress.stage === "queued");
  const ask = async () => {
    const refused = await refresh.run(async () => {
      await syncConnection({ connection_id });
      say(t.connection.syncAsked);
    });
    if (refused?.wayOn === "wait") setWait(refused.retryAfterSeconds ?? 30);
  };
  return (
    <div className="actions">
      <Button
        icon={<RefreshCw aria-hidden />}
        busy={refresh.busy}
        disabled={!online || wait > 0 || running || status === "bad" || status === "error"}
        onClick={ask}
      >
        {wait > 0 ? t.connection.refreshIn(wait) : t.connection.refresh}
      </Button>
      <Button
        icon={<ListPlus aria-hidden />}
        busy={link.isBusy({ kind: "accounts", connection_id })}
        disabled={!online || link.taken || status === "error"}
        onClick={() => link.open({ kind: "accounts", connection_id })}
      >
        {t.connection.addAccounts}
      </Button>
      <Button look="danger" icon={<Trash2 aria-hidden />} disabled={!online} onClick={onRemove}>
        {t.connection.remove}
      </Button>
    </div>
  );
}

function Facts({ connection }: { connection: BankConnection }) {
  const { t, language } = useText();
  const progress = useSyncProgress(connection.connection_id);
  const { institution, consent_expiration_time, last_sync, created_at } = connection;
  const website = institution?.url && /^https?:\/\//.test(institution.url) ? institution.url : null;
  const time = { dateStyle: "medium", timeStyle: "short" } as const;
  return (
    <dl className="facts">
      <dt>{t.connection.since}</dt>
      <dd>{longDay(created_at.toDate(), language)}</dd>
      {last_sync && (
        <>
          <dt>{t.connection.lastSync}</dt>
          <dd>{dateText(last_sync.toDate(), language, time)}</dd>
        </>
      )}
      {progress?.refreshed_at && (
        <>
          <dt>{t.connection.refreshedAt}</dt>
          <dd>{dateText(progress.refreshed_at.toDate(), language, time)}</dd>
        </>
      )}
      {consent_expiration_time && (
        <>
          <dt>{t.connection.consent}</dt>
          <dd>{longDay(consent_expiration_time.toDate(), language)}</dd>
        </>
      )}
      {website && (
        <>
          <dt>{t.connection.website}</dt>
          <dd>
            <a href={website} target="_blank" rel="noreferrer">
              {new URL(website).hostname}
            </a>
          </dd>
        </>
      )}
      {progress?.error && (
        <>
          <dt>{t.connection.details}</dt>
          <dd>
            <code>{[progress.error.code, progress.error.request_id].filter(Boolean).join(" · ")}</code>{" "}
            <Link href="/settings?report">{t.settings.report}</Link>
          </dd>
        </>
      )}
    </dl>
  );
}

/** What became of the notes of the connection that this one replaced. */
function Moved({ connection }: { connection: BankConnection }) {
  const { t } = useText();
  const { connection_id, history_moved } = connection;
  if (!history_moved) return null;
  return (
    <section className="card pad" data-testid="moved">
      <p>{t.connection.moved(history_moved.moved, history_moved.archived)}</p>
      {history_moved.archived > 0 && (
        <Link href={`/connections/${connection_id}/archive`} className="with-icon">
          <ArchiveIcon aria-hidden /> {t.archive.show}
        </Link>
      )}
    </section>
  );
}

function Found({ connection, removal }: { connection: BankConnection; removal: ReturnType<typeof useAction> }) {
  const { t } = useText();
  const [from, go] = useLocation();
  const { connection_id } = connection;
  const accounts = useAccounts().rows.filter((one) => one.connection_id === connection_id);
  const progress = useSyncProgress(connection_id);
  const [asking, setAsking] = useState(false);
  const bank = nameOf(connection, t);
  const remove = async () => {
    const refused = await removal.run(async () => {
      await removeConnection({ connection_id });
      say(t.connection.removed(bank));
      if (location.pathname === from) go("/"); // unless the user has opened another page since
    });
    if (refused) setAsking(false);
  };
  return (
    <>
      <header className="page-head">
        <ConnectionLogo connection={connection} size={52} />
        <div>
          <h1>{bank}</h1>
          <span className={`status ${connection.status}`}>{t.status[connection.status]}</span>
        </div>
      </header>
      <Notice connection={connection} />
      <section className="card" data-testid="sync">
        <SyncLine connection={connection} progress={progress} />
      </section>
      <Actions connection={connection} onRemove={() => setAsking(true)} />
      <Moved connection={connection} />
      {TYPES.filter((type) => accounts.some((one) => typeOf(one) === type)).map((type) => (
        <section key={type} className="card">
          <h2 className="card-title">{t.connection.types[type]}</h2>
          <ul className="accounts">
            {accounts
              .filter((one) => typeOf(one) === type)
              .map((one) => (
                <AccountRow key={one.account_id} account={one} full />
              ))}
          </ul>
        </section>
      ))}
      <ConnectionProducts connection={connection} />
      <section className="card pad">
        <Facts connection={connection} />
        <Link href="/transactions" className="with-icon">
          <ArrowLeftRight aria-hidden /> {t.connection.transactions}
        </Link>
      </section>
      {asking && (
        <Suspense>
          <Confirm
            title={t.connection.removeTitle(bank)}
            body={t.connection.removeBody}
            confirm={t.connection.remove}
            busy={removal.busy}
            onConfirm={remove}
            onClose={() => setAsking(false)}
          />
        </Suspense>
      )}
    </>
  );
}

/** One connection: its accounts, its sync, and its actions. */
export default function Connection({ id }: { id: string }) {
  const { t } = useText();
  const connections = useConnections();
  const there = connections.rows.find((one) => one.connection_id === id);
  const last = useRef(there);
  const removal = useAction();
  if (there) last.current = there;
  // The document is deleted before the call to remove it returns: do not report that another device removed it.
  const found = there ?? (removal.busy ? last.current : undefined);
  useTitle(found ? nameOf(found, t) : t.overview.title);
  return (
    <>
      <Link href="/" className="back">
        <ArrowLeft aria-hidden /> {t.nav.overview}
      </Link>
      {connections.state === "failed" && <LoadFailed error={connections.error} alone />}
      {connections.state === "loading" && <Skeleton lines={4} height={120} />}
      {found && <Found connection={found} removal={removal} />}
      {connections.state === "ready" && !found && (
        <Empty icon={<Unplug aria-hidden />} title={t.connection.goneTitle} alone>
          <p>{t.connection.goneBody}</p>
          <Link href="/" className="button main">
            {t.notFound.home}
          </Link>
        </Empty>
      )}
    </>
  );
}
