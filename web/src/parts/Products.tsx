import { Ban, CircleAlert, CircleCheck, Clock, LockKeyhole, type LucideIcon } from "lucide-react";
import {
  type BankConnection,
  type ProductKind,
  type ProductProgress,
  type ProductStatus,
  useConnections,
  useOnline,
  useProducts,
} from "../bank";
import type { Texts } from "../text/en";
import { relative, useText } from "../text/language";
import { Button, useNow } from "./basics";
import { nameOf } from "./situation";
import { useLinkFlow } from "./useLinkFlow";

const KINDS: ProductKind[] = ["recurring", "liabilities", "holdings", "investment_transactions"];
const ICONS: Partial<Record<ProductStatus, LucideIcon>> = {
  ready: CircleCheck,
  failed: CircleAlert,
  needs_consent: LockKeyhole,
  unsupported: Ban,
  no_accounts: Ban,
};

/** The state of a product in words for the user. */
export function productText(
  { status, as_of, next_retry_at }: ProductProgress,
  now: number,
  t: Texts,
  language: string,
) {
  const at = (time: { toDate(): Date }) => relative(time.toDate(), now, language);
  if (status === "off") return "";
  if (status === "ready") return as_of ? t.products.ready(at(as_of)) : t.products.syncing;
  if (status !== "failed") return t.products[status];
  // A time in less than a minute would read "just now".
  const isLater = next_retry_at && next_retry_at.toMillis() - now >= 60_000;
  return isLater ? t.products.failedUntil(at(next_retry_at)) : t.products.failed;
}

function AllowAccess({ connection }: { connection: BankConnection }) {
  const { t } = useText();
  const link = useLinkFlow();
  const online = useOnline();
  const { connection_id, status } = connection;
  if (status === "bad" || status === "error") return null; // the connection itself must be repaired first
  return (
    <Button
      busy={link.isBusy({ kind: "products", connection_id })}
      disabled={!online || link.taken}
      onClick={() => link.open({ kind: "products", connection_id })}
    >
      {t.products.allow}
    </Button>
  );
}

function Line({ one, name }: { one: ProductProgress; name: string }) {
  const { t, language } = useText();
  const now = useNow();
  const Icon = ICONS[one.status] ?? Clock;
  return (
    <li className={`product ${one.status}`} data-testid="product">
      <Icon aria-hidden />
      <span>
        {name}
        <small className="soft">{productText(one, now, t, language)}</small>
      </span>
    </li>
  );
}

const byKind = (a: ProductProgress, b: ProductProgress) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);

/** The products of a connection; nothing if there are none. */
export function ConnectionProducts({ connection }: { connection: BankConnection }) {
  const { t } = useText();
  const rows = useProducts()
    .rows.filter((one) => one.connection_id === connection.connection_id && one.status !== "off")
    .toSorted(byKind);
  if (rows.length === 0) return null;
  return (
    <section className="card pad" data-testid="products">
      <h2 className="card-title">{t.products.heading}</h2>
      <ul className="products">
        {rows.map((one) => (
          <Line key={one.kind} one={one} name={t.products.kinds[one.kind]} />
        ))}
      </ul>
      {rows.some((one) => one.status === "needs_consent") && <AllowAccess connection={connection} />}
    </section>
  );
}

const UNREMARKABLE = new Set(["ready", "off", "no_accounts"]);

/** Why a screen may lack the data of some connections. */
export function MissingProducts({ kinds }: { kinds: ProductKind[] }) {
  const { t } = useText();
  const { rows } = useProducts();
  const connections = useConnections().rows;
  const missing = connections.flatMap((connection) => {
    const found = rows
      .filter((one) => one.connection_id === connection.connection_id && kinds.includes(one.kind))
      .filter((one) => !UNREMARKABLE.has(one.status))
      .toSorted(byKind);
    return found.length > 0 ? [{ connection, found }] : [];
  });
  return missing.map(({ connection, found }) => (
    <section key={connection.connection_id} className="card pad missing" aria-label={nameOf(connection, t)}>
      <ul className="products">
        {found.map((one) => (
          <Line
            key={one.kind}
            one={one}
            name={kinds.length > 1 ? `${nameOf(connection, t)}: ${t.products.kinds[one.kind]}` : nameOf(connection, t)}
          />
        ))}
      </ul>
      {found.some((one) => one.status === "needs_consent") && <AllowAccess connection={connection} />}
    </section>
  ));
}
