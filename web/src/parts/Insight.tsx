import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { type Live, type ProductKind, useConnections } from "../bank";
import { ConnectButton } from "../screens/Overview";
import { useText } from "../text/language";
import { Empty, Skeleton } from "./basics";
import { LoadFailed } from "./LoadFailed";
import { MissingProducts } from "./Products";
import { useTitle } from "./useTitle";

interface Props {
  title: string;
  lead: string;
  /** The products that the screen shows. */
  kinds?: ProductKind[];
  /** What must be loaded before the children are shown. */
  needs: Live<unknown>[];
  empty: { icon: ReactNode; title: string; body: string } | null;
  children: ReactNode;
}

/** The frame of a screen about products: its heading, and what to show while there are no data. */
export function Insight({ title, lead, kinds = [], needs, empty, children }: Props) {
  const { t } = useText();
  const connections = useConnections();
  useTitle(title);
  const failed = needs.find((one) => one.state === "failed");
  const loading = needs.some((one) => one.state === "loading");
  const content = () => {
    if (failed) return <LoadFailed error={failed.error} />;
    if (loading) return <Skeleton lines={3} height={140} />;
    if (!empty) return children;
    return (
      <Empty icon={empty.icon} title={empty.title}>
        <p>{empty.body}</p>
        {connections.state === "ready" && connections.rows.length === 0 && <ConnectButton />}
      </Empty>
    );
  };
  return (
    <>
      <Link href="/" className="back">
        <ArrowLeft aria-hidden /> {t.nav.overview}
      </Link>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          <p className="soft">{lead}</p>
        </div>
      </header>
      <MissingProducts kinds={kinds} />
      {content()}
    </>
  );
}
