import type { User } from "firebase/auth";
import {
  ArrowLeftRight,
  Bell,
  ChartPie,
  CloudOff,
  Settings as Gear,
  Landmark,
  type LucideIcon,
  WifiOff,
} from "lucide-react";
import { lazy, Suspense, useEffect, useRef } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import {
  offerLanguage,
  reads,
  UserProvider,
  useAccounts,
  useAllProgress,
  useConnections,
  useNotifications,
  useOnline,
  useProducts,
  useReachable,
} from "../bank";
import { bank } from "../bank/session";
import { Skeleton } from "../parts/basics";
import { Crash } from "../parts/Crash";
import { useDuplicate } from "../parts/duplicate";
import { LastMessage } from "../parts/LastMessage";
import { useOutageWarning } from "../parts/loginWarning";
import { useReplaceQuestion } from "../parts/replace";
import { useMessages } from "../parts/toasts";
import { useTitle } from "../parts/useTitle";
import { useText } from "../text/language";
import { Overview } from "./Overview";

const Connection = lazy(() => import("./Connection"));
const Transactions = lazy(() => import("./Transactions"));
const Spending = lazy(() => import("./Spending"));
const NetWorth = lazy(() => import("./NetWorth"));
const Bills = lazy(() => import("./Bills"));
const Debts = lazy(() => import("./Debts"));
const Portfolio = lazy(() => import("./Portfolio"));
const Notifications = lazy(() => import("./Notifications"));
const Settings = lazy(() => import("./Settings"));
const LinkReturn = lazy(() => import("./LinkReturn"));
const Duplicate = lazy(() => import("../parts/Duplicate"));
const Replace = lazy(() => import("../parts/Replace"));
const OutageWarning = lazy(() => import("../parts/OutageWarning"));
const Archive = lazy(() => import("./Archive"));
// If the toasts cannot be loaded, show the last message without them.
const Toaster = lazy(() => import("../parts/Toaster").catch(() => ({ default: LastMessage })));

// On the local stack only: the browser's console and the tests can inspect how many documents each screen reads.
if (bank().config.emulators) Object.assign(window, { bankReads: reads });

/** The screens that the accounts lead to. */
const BELOW_ACCOUNTS = /^\/(connections|net-worth|bills|debts|portfolio)\b/;

function Item({ to, icon: Icon, label, count = 0 }: { to: string; icon: LucideIcon; label: string; count?: number }) {
  const { t } = useText();
  const [at] = useLocation();
  const here = to === "/" ? at === "/" || BELOW_ACCOUNTS.test(at) : at.startsWith(to);
  return (
    <li>
      <Link href={to} aria-current={here ? "page" : undefined}>
        <span className="nav-icon">
          <Icon aria-hidden />
          {count > 0 && (
            <span className="count-badge">
              <span aria-hidden>{count}</span>
              <span className="sr">{t.nav.unread(count)}</span>
            </span>
          )}
        </span>
        <span>{label}</span>
      </Link>
    </li>
  );
}

function Navigation({ user }: { user: User }) {
  const { t } = useText();
  const { unread } = useNotifications();
  return (
    <nav aria-label={t.nav.label}>
      <p className="brand">
        <img src="/icon.svg" alt="" width="28" height="28" /> <span>{t.app}</span>
      </p>
      <ul>
        <Item to="/" icon={Landmark} label={t.nav.overview} />
        <Item to="/transactions" icon={ArrowLeftRight} label={t.nav.transactions} />
        <Item to="/spending" icon={ChartPie} label={t.nav.spending} />
        <Item to="/notifications" icon={Bell} label={t.nav.notifications} count={unread} />
        <Item to="/settings" icon={Gear} label={t.nav.settings} />
      </ul>
      <p className="who soft">{user.email}</p>
    </nav>
  );
}

function NotFound() {
  const { t } = useText();
  useTitle(t.notFound.title);
  return (
    <div className="empty">
      <h1>{t.notFound.title}</h1>
      <p>{t.notFound.body}</p>
      <Link href="/" className="button main">
        {t.notFound.home}
      </Link>
    </div>
  );
}

function Screens({ user, signOut }: { user: User; signOut(): Promise<void> }) {
  const [at] = useLocation();
  useEffect(() => {
    if (at) scrollTo(0, 0);
    // The element with the focus was on the previous screen: move the focus to this one.
    if (document.activeElement === document.body) document.getElementById("content")?.focus({ preventScroll: true });
  }, [at]);
  return (
    <Crash key={at}>
      <Suspense fallback={<Skeleton lines={5} />}>
        <Switch>
          <Route path="/" component={Overview} />
          <Route path="/connections/:id">{({ id }) => <Connection id={id} />}</Route>
          <Route path="/connections/:id/archive">{({ id }) => <Archive id={id} />}</Route>
          <Route path="/transactions" component={Transactions} />
          <Route path="/spending" component={Spending} />
          <Route path="/net-worth" component={NetWorth} />
          <Route path="/bills" component={Bills} />
          <Route path="/debts" component={Debts} />
          <Route path="/portfolio" component={Portfolio} />
          <Route path="/notifications" component={Notifications} />
          <Route path="/settings">
            <Settings user={user} signOut={signOut} />
          </Route>
          <Route path="/link-return" component={LinkReturn} />
          <Route component={NotFound} />
        </Switch>
      </Suspense>
    </Crash>
  );
}

/** Keeps the listeners that most screens need active for the whole session, so that their data is read once. */
function Kept() {
  useConnections();
  useAllProgress();
  useAccounts();
  useProducts();
  return null;
}

/** Runs once a session; a failure is retried in the next session. */
function useLanguageStored(uid: string) {
  const { language } = useText();
  const offered = useRef(false);
  useEffect(() => {
    if (offered.current) return;
    offered.current = true;
    offerLanguage(uid, language).catch(() => undefined);
  }, [uid, language]);
}

/** The frame around every screen of a signed-in user. */
export default function Shell({ user, signOut }: { user: User; signOut(): Promise<void> }) {
  const { t } = useText();
  const online = useOnline();
  const reachable = useReachable();
  const messages = useMessages();
  const duplicate = useDuplicate();
  const question = useReplaceQuestion();
  const warning = useOutageWarning();
  useLanguageStored(user.uid);
  return (
    <UserProvider value={user.uid}>
      <a className="skip" href="#content">
        {t.skip}
      </a>
      <div className="shell">
        <Navigation user={user} />
        <Kept />
        <main id="content" tabIndex={-1}>
          <div role="status">
            {!online && (
              <p className="note warn offline">
                <WifiOff aria-hidden /> {t.offline}
              </p>
            )}
            {online && !reachable && (
              <p className="note warn offline" data-testid="unreachable">
                <CloudOff aria-hidden /> {t.unreachable}
              </p>
            )}
          </div>
          <Screens user={user} signOut={signOut} />
        </main>
      </div>
      {duplicate && (
        <Suspense>
          <Duplicate error={duplicate} />
        </Suspense>
      )}
      {question && (
        <Suspense>
          <Replace dead={question.asked} onAnswer={question.answer} />
        </Suspense>
      )}
      {warning && (
        <Suspense>
          <OutageWarning health={warning.asked} onAnswer={warning.answer} />
        </Suspense>
      )}
      {messages.length > 0 && (
        <Suspense>
          <Toaster />
        </Suspense>
      )}
    </UserProvider>
  );
}
