import { Ban, CircleAlert, CircleCheck, Clock, LockKeyhole, type LucideIcon } from "lucide-react";
import { Fragment } from "react";
import {
  type BankConnection,
  hasProduct,
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
import { Notice } from "./Notice";
import { nameOf } from "./situation";
import { useLinkFlow } from "./useLinkFlow";

const KINDS: ProductKind[] = ["recurring", "liabilities", "holdings", "investment_transactions"];
const ICONS: Partial<Record<ProductStatus, LucideIcon>> = {
  ready: CircleCheck,
  failed: CircleAlert,
  needs_consent: LockKeyhole,
  unsupported: Ban,
};

/** The state of a product in words for the user. */
export function productText(
  { status, as_of, next_retry_at }: ProductProgress,
  now: number,
  t: Texts,
  language: string,
) {
  const at = (time: { toDate(): Date }) => relative(time.toDate(), now, language);
  if (status === "off" || status === "no_accounts") return "";
  if (status === "ready") return as_of ? t.products.ready(at(as_of)) : t.products.syncing;
  if (status !== "failed") return t.products[status];
  // A time in less than a minute would read "just now".
  const isLater = next_retry_at && next_retry_at.toMillis() - now >= 60_000;
  return isLater ? t.products.failedUntil(at(next_retry_at)) : t.products.failed;
}

/** Whether no product can be updated before the user has repaired the connection itself. */
const needsRepair = ({ status }: BankConnection) => status === "bad" || status === "error";

function AllowAccess({ connection }: { connection: BankConnection }) {
  const { t } = useText();
  const link = useLinkFlow();
  const online = useOnline();
  const { connection_id } = connection;
  if (needsRepair(connection)) return null;
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
    .rows.filter((one) => one.connection_id === connection.connection_id && hasProduct(one))
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

const OLD = 2 * 86_400_000; // milliseconds; products are checked once a day

/** Whether a screen may lack data of a product, or show old data. */
const isRemarkable = ({ status, as_of }: ProductProgress, now: number): boolean =>
  status !== "ready" || (!!as_of && now - as_of.toMillis() > OLD);

/**
 * Why a screen may lack the data of some connections, and what the user can do about it.
 * @param props.kinds the products that the screen shows; none if it shows data that every connection has
 */
export function MissingProducts({ kinds }: { kinds: ProductKind[] }) {
  const now = useNow();
  const { rows } = useProducts();
  const connections = useConnections().rows;
  return connections.map((connection) => {
    const shown = rows
      .filter((one) => one.connection_id === connection.connection_id && kinds.includes(one.kind) && hasProduct(one))
      .toSorted(byKind);
    const found = shown.filter((one) => isRemarkable(one, now));
    const isBroken = needsRepair(connection) && (kinds.length === 0 || shown.length > 0);
    return (
      <Fragment key={connection.connection_id}>
        {isBroken && <Notice connection={connection} />}
        {found.length > 0 && <Missing connection={connection} found={found} several={kinds.length > 1} />}
      </Fragment>
    );
  });
}

function Missing(props: { connection: BankConnection; found: ProductProgress[]; several: boolean }) {
  const { connection, found, several } = props;
  const { t } = useText();
  const bank = nameOf(connection, t);
  return (
    <section className="card pad missing" aria-label={bank}>
      <ul className="products">
        {found.map((one) => (
          <Line key={one.kind} one={one} name={several ? `${bank}: ${t.products.kinds[one.kind]}` : bank} />
        ))}
      </ul>
      {found.some((one) => one.status === "needs_consent") && <AllowAccess connection={connection} />}
    </section>
  );
}
