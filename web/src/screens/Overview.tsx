import {
  CalendarClock,
  ChartCandlestick,
  ChartLine,
  ChevronRight,
  HandCoins,
  Landmark,
  type LucideIcon,
  Plus,
} from "lucide-react";
import { Link } from "wouter";
import {
  type Account,
  type BankConnection,
  balancesOf,
  hasProduct,
  money,
  negated,
  type ProductKind,
  type SyncProgress,
  useAccounts,
  useAllProgress,
  useConnections,
  useInstitution,
  useOnline,
  useProducts,
} from "../bank";
import { bank } from "../bank/session";
import { AccountRow } from "../parts/Accounts";
import { BankLogo, Button, Empty, Skeleton } from "../parts/basics";
import { LoadFailed } from "../parts/LoadFailed";
import { Notice } from "../parts/Notice";
import { SyncLine } from "../parts/SyncLine";
import { nameOf } from "../parts/situation";
import { useLinkFlow } from "../parts/useLinkFlow";
import { useTitle } from "../parts/useTitle";
import { useText } from "../text/language";

const SHOWN = 5; // accounts on a card, before "Show all"

/** The button to connect a bank; it shows progress while Link opens or the bank is being connected. */
export function ConnectButton({ look = "main" }: { look?: "main" | "plain" }) {
  const { t } = useText();
  const link = useLinkFlow();
  const online = useOnline();
  const { connect, connecting, opening } = t.overview;
  const busy = link.isBusy({ kind: "connect" });
  return (
    <Button
      look={look}
      busy={busy}
      disabled={link.taken || !online}
      icon={<Plus aria-hidden />}
      onClick={() => link.open({ kind: "connect" })}
    >
      {busy ? (link.shared ? connecting(link.shared) : opening) : connect}
    </Button>
  );
}

export function ConnectionLogo({ connection, size }: { connection: BankConnection; size?: number }) {
  const { t } = useText();
  // Until the connection's own document has the logo, the institution's shared document may have it.
  const shared = useInstitution(connection.institution ? null : connection.institution_id);
  return (
    <BankLogo name={nameOf(connection, t)} branding={connection.institution ?? shared} {...(size ? { size } : {})} />
  );
}

function Card(props: {
  connection: BankConnection;
  progress: SyncProgress | undefined;
  accounts: Account[];
  arriving: boolean;
}) {
  const { connection, progress, accounts, arriving } = props;
  const { t } = useText();
  const bank = nameOf(connection, t);
  const address = `/connections/${connection.connection_id}`;
  return (
    <li className="card" data-testid="connection">
      <Link href={address} className="card-head">
        <ConnectionLogo connection={connection} />
        <span className="card-name">
          <h2>{bank}</h2>
          <span className={`status ${connection.status}`}>{t.status[connection.status]}</span>
        </span>
        <ChevronRight aria-hidden className="soft" />
      </Link>
      <Notice connection={connection} />
      {accounts.length > 0 ? (
        <ul className="accounts">
          {accounts.slice(0, SHOWN).map((account) => (
            <AccountRow key={account.account_id} account={account} />
          ))}
        </ul>
      ) : (
        <p className="soft pad">{arriving ? t.overview.noAccounts : t.loading}</p>
      )}
      {accounts.length > SHOWN && (
        <Link href={address} className="show-all">
          {t.overview.showAll(accounts.length)}
        </Link>
      )}
      <SyncLine connection={connection} progress={progress} />
    </li>
  );
}

function Totals({ accounts }: { accounts: Account[] }) {
  const { t, language } = useText();
  const [main, ...others] = balancesOf(accounts);
  if (!main) return null;
  return (
    <section className="totals" aria-label={t.overview.net}>
      <p className="soft">{t.overview.net}</p>
      <p className="big">{money(main.net, main.of, language)}</p>
      <p className="soft">
        <span className="whole">
          {t.overview.assets} {money(main.assets, main.of, language)}
        </span>{" "}
        ·{" "}
        <span className="whole">
          {t.overview.debts} {money(negated(main.debts), main.of, language)}
        </span>
      </p>
      {others.map((one) => (
        <p key={one.currency}>{money(one.net, one.of, language)}</p>
      ))}
    </section>
  );
}

/** Links to the screens about products; those about products that no connection has are left out. */
function Insights() {
  const { t } = useText();
  const has = new Set(
    useProducts()
      .rows.filter(hasProduct)
      .map((one) => one.kind),
  );
  const links: { to: string; label: string; icon: LucideIcon; kinds?: ProductKind[] }[] = [
    { to: "/net-worth", label: t.netWorth.title, icon: ChartLine },
    { to: "/bills", label: t.bills.title, icon: CalendarClock, kinds: ["recurring"] },
    { to: "/debts", label: t.debts.title, icon: HandCoins, kinds: ["liabilities"] },
    {
      to: "/portfolio",
      label: t.portfolio.title,
      icon: ChartCandlestick,
      kinds: ["holdings", "investment_transactions"],
    },
  ];
  return (
    <ul className="insights" aria-label={t.products.seeAlso}>
      {links
        .filter(({ kinds }) => !kinds || kinds.some((one) => has.has(one)))
        .map(({ to, label, icon: Icon }) => (
          <li key={to}>
            <Link href={to} className="button">
              <Icon aria-hidden /> {label}
            </Link>
          </li>
        ))}
    </ul>
  );
}

function Nothing() {
  const { t } = useText();
  return (
    <Empty icon={<Landmark aria-hidden />} title={t.overview.emptyTitle} alone>
      <p>{t.overview.emptyBody}</p>
      <ol className="steps">
        {t.overview.emptySteps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <ConnectButton />
      {bank().config.emulators && <small className="soft">{t.overview.localHint}</small>}
    </Empty>
  );
}

/** The connections with their accounts and sync status. */
export function Overview() {
  const { t } = useText();
  const connections = useConnections();
  const accounts = useAccounts();
  const progress = useAllProgress();
  useTitle(t.overview.title);
  if (connections.state === "failed") return <LoadFailed error={connections.error} alone />;
  if (connections.state === "loading") {
    return (
      <>
        <h1>{t.overview.title}</h1>
        <Skeleton lines={3} height={180} />
      </>
    );
  }
  if (connections.rows.length === 0) return <Nothing />;
  const of = (id: string) => accounts.rows.filter((one) => one.connection_id === id);
  return (
    <>
      <header className="page-head">
        <h1>{t.overview.title}</h1>
        <ConnectButton />
      </header>
      <Totals accounts={accounts.rows} />
      <Insights />
      <ul className="cards">
        {connections.rows.map((one) => (
          <Card
            key={one.connection_id}
            connection={one}
            accounts={of(one.connection_id)}
            arriving={accounts.state === "ready"}
            progress={progress.rows.find((row) => row.connection_id === one.connection_id)}
          />
        ))}
      </ul>
    </>
  );
}
