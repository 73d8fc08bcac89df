import { ArchiveX, ArrowLeft, Undo2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import { type Archived, moveToArchive, useArchive, useConnections, useOnline } from "../bank";
import { Button, Empty, Skeleton } from "../parts/basics";
import { LoadFailed } from "../parts/LoadFailed";
import { nameOf } from "../parts/situation";
import { Amount, titleOf, useNotesLine } from "../parts/TransactionRow";
import { say } from "../parts/toasts";
import { useAction } from "../parts/useAction";
import { useTitle } from "../parts/useTitle";
import { isolated } from "../text/isolated";
import { dayOf, longDay, useText } from "../text/language";

const MoveNote = lazy(() => import("../parts/MoveNote"));

function Kept({ one, onMove }: { one: Archived; onMove(): void }) {
  const { t, language } = useText();
  const online = useOnline();
  const line = useNotesLine();
  const { busy, run } = useAction();
  const words = t.archive;
  const title = isolated(titleOf(one));
  const back = () =>
    run(async () => {
      await moveToArchive(one);
      say(words.movedBack);
    });
  return (
    <li className="kept" data-testid="archived">
      <div>
        <h2>{title}</h2>
        <p className="soft">{longDay(dayOf(one.date), language)}</p>
        <p>{line(one.user)}</p>
        {one.moved_to && <span className="tag">{words.isMoved}</span>}
      </div>
      <div className="row-end">
        <Amount of={one} />
        {one.moved_to ? (
          <Button
            busy={busy}
            disabled={!online}
            icon={<Undo2 aria-hidden />}
            aria-label={words.backFor(title)}
            onClick={back}
          >
            {words.back}
          </Button>
        ) : (
          <Button disabled={!online} aria-label={words.moveFor(title)} onClick={onMove}>
            {words.move}
          </Button>
        )}
      </div>
    </li>
  );
}

/** The notes that found no transaction when a connection replaced another one. */
export default function Archive({ id }: { id: string }) {
  const { t } = useText();
  const { rows, state, error } = useArchive(id);
  const connection = useConnections().rows.find((one) => one.connection_id === id);
  const [moving, setMoving] = useState<Archived | null>(null);
  useTitle(t.archive.title);
  return (
    <>
      <Link href={`/connections/${id}`} className="back">
        <ArrowLeft aria-hidden /> {connection ? nameOf(connection, t) : t.yourBank}
      </Link>
      <header className="page-head">
        <h1>{t.archive.title}</h1>
      </header>
      <p className="soft">{t.archive.lead}</p>
      {state === "failed" && <LoadFailed error={error} />}
      {state === "loading" && <Skeleton lines={3} height={96} />}
      {state === "ready" && rows.length === 0 && (
        <Empty icon={<ArchiveX aria-hidden />} title={t.archive.emptyTitle}>
          <p>{t.archive.emptyBody}</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <ul className="card kept-list">
          {rows.map((one) => (
            <Kept key={one.transaction_id} one={one} onMove={() => setMoving(one)} />
          ))}
        </ul>
      )}
      {moving && (
        <Suspense>
          <MoveNote one={moving} onClose={() => setMoving(null)} />
        </Suspense>
      )}
    </>
  );
}
