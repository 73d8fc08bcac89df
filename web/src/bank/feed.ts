/** A list of transactions, newest first: the newest page is live, older pages load on demand, and reads are bounded. */
import {
  and,
  limit,
  or,
  orderBy,
  type Query,
  type QueryDocumentSnapshot,
  type QueryFilterConstraint,
  type QuerySnapshot,
  query,
  startAfter,
  where,
} from "firebase/firestore";
import { allTransactions, LONGEST_LIST, type Transaction } from "./documents";
import { type BankError, toBankError } from "./errors";
import { ask, listen } from "./firestore";
import { sizeIn } from "./money";
import { unreachable } from "./reach";

export interface Filter {
  account?: string;
  category?: string;
  /** Days, `YYYY-MM-DD`, both inclusive. */
  from?: string;
  to?: string;
  /** Absolute amounts. */
  least?: number;
  most?: number;
  text?: string;
}
export interface FeedState {
  rows: Transaction[];
  state: "loading" | "ready" | "failed";
  error: BankError | null;
  /** Whether there are more transactions to load. */
  more: boolean;
  loading: boolean;
  /** Whether the search has paused until the user asks for more, to limit the documents it reads. */
  paused: boolean;
  /** How many documents were searched. */
  looked: number;
}
type Row = QueryDocumentSnapshot<Transaction>;

export const PAGE = 50;
export const UNASKED = 500; // documents that a search reads before it asks the user whether to continue
const SCAN = 250; // documents per query of such a search
const ENOUGH = 25;
const LABEL = "transactions";

/** The user's category, or else the bank's. */
export const categoryOf = (one: Transaction): string | null => one.user?.category || (one.category?.primary ?? null);

/**
 * The part of a filter that Firestore applies: days, and one account or one category; `matches` applies the rest.
 * The indexes are in firestore.indexes.json.
 */
export function transactionsQuery(uid: string, filter: Filter): Query<Transaction> {
  const { account, category, from, to } = filter;
  const narrowed: QueryFilterConstraint[] = [where("app_user_id", "==", uid)];
  if (account) narrowed.push(where("account_id", "==", account));
  else if (category) {
    narrowed.push(or(where("category.primary", "==", category), where("user.category", "==", category)));
  }
  if (from) narrowed.push(where("date", ">=", from));
  if (to) narrowed.push(where("date", "<=", to));
  return query(allTransactions(), and(...narrowed), orderBy("date", "desc"));
}

const plain = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Whether a transaction matches a filter. */
export function matches(one: Transaction, filter: Filter): boolean {
  const { account, category, least, most, text } = filter;
  if (account && one.account_id !== account) return false;
  if (category && categoryOf(one) !== category) return false;
  const size = Math.abs(one.amount_value);
  if ((least !== undefined && size < least) || (most !== undefined && size > most)) return false;
  if (!text) return true;
  const words = [one.name, one.merchant_name, one.user?.note, one.amount, ...(one.user?.tags ?? [])];
  const found = plain(words.filter(Boolean).join(" "));
  if (sizeIn(text) === size) return true; // an amount may contain spaces
  return plain(text)
    .split(/\s+/)
    .every((word) => found.includes(word) || sizeIn(word) === size);
}

export class Feed {
  private head: Row[] = [];
  private tail: Row[] = [];
  private pushed: Row[] = []; // rows that left the live page while the older pages are being reloaded
  private read = new WeakMap<Row, Transaction>(); // a cache: Firestore converts a row at each call of data()
  private tailEnded = false;
  private want = ENOUGH;
  private askedAt = 0;
  private busy = false;
  private stale = false; // whether the older pages need a reload
  private ready = false;
  private error: BankError | null = null;
  private stopListening: (() => void) | null = null;
  private watchers = new Set<() => void>();
  private generation = 0; // of the older pages: an answer for an earlier generation is dropped
  private present: ReadonlySet<string> | null = null;
  value: FeedState = { rows: [], state: "loading", error: null, more: true, loading: true, paused: false, looked: 0 };

  constructor(
    private readonly query: Query<Transaction>,
    private readonly filter: Filter,
  ) {}

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    this.listen();
    addEventListener("online", this.retry);
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size > 0) return;
      removeEventListener("online", this.retry);
      this.stopListening?.();
      this.stopListening = null;
    };
  };

  private listen() {
    this.stopListening ??= listen(LABEL, query(this.query, limit(PAGE)), this.headChanged, this.headFailed, this.late);
  }

  /** Retries after an error. */
  retry = async (): Promise<void> => {
    if (!this.error) return;
    this.error = null;
    this.listen();
    if (this.stale) await this.reload();
    if (!this.error) await this.fill();
  };

  /** Loads the next page of matches. */
  more = (): void => {
    this.want = this.value.rows.length + PAGE;
    this.askedAt = this.looked;
    void (this.error ? this.retry() : this.fill());
  };

  /** Reloads the older pages, after a sync has changed transactions. */
  reload = async (): Promise<void> => {
    const last = this.head.at(-1);
    if (this.tail.length === 0 || !last) return;
    this.stale = true;
    this.pushed = [];
    const generation = ++this.generation;
    const most = Math.ceil(this.tail.length / PAGE) * PAGE;
    const rows: Row[] = [];
    let ended = false;
    try {
      while (!ended && rows.length < most) {
        const asked = Math.min(most - rows.length, LONGEST_LIST);
        const page = await ask(LABEL, query(this.query, startAfter(rows.at(-1) ?? last), limit(asked)));
        if (generation !== this.generation) return;
        rows.push(...page.docs);
        ended = page.size < asked;
      }
      this.generation++;
      this.tail = [...this.pushed, ...rows];
      this.tailEnded = ended;
      this.stale = false;
      this.tell();
    } catch (error) {
      this.failed(error);
    }
  };

  /** Sets the existing connections. Rows of other connections are being deleted, and are hidden. */
  only(connections: ReadonlySet<string>): void {
    this.present = connections;
    if (this.ready) void this.fill();
  }

  private get looked() {
    return this.head.length + this.tail.length;
  }

  /** Whether Firestore can return rows that do not match the filter. */
  private get searches() {
    const { account, category, least, most, text } = this.filter;
    return !!text || least !== undefined || most !== undefined || !!(account && category);
  }

  private get lacking() {
    return this.value.rows.length < this.want && !this.ended;
  }

  private get ended() {
    return this.tail.length === 0 && !this.tailEnded ? this.head.length < PAGE : this.tailEnded;
  }

  private headChanged = (snapshot: QuerySnapshot<Transaction>) => {
    if (snapshot.metadata.fromCache && snapshot.size === 0 && !this.ready) return;
    const last = snapshot.docs.at(-1);
    if (snapshot.size < PAGE && !snapshot.metadata.fromCache) {
      // The live page holds every row, so older pages no longer exist.
      this.generation++;
      this.tail = [];
      this.tailEnded = false;
    } else if (snapshot.size === PAGE && last) {
      // Newer rows push older ones out of the live page: those move to the older pages. Deleted rows do not.
      const gone = snapshot.docChanges().filter(({ type }) => type === "removed");
      const pushed = gone.map(({ doc }) => doc).filter((doc) => isAfter(doc, last));
      // If no older page is loaded or loading, the next page starts with them anyway.
      if (this.tail.length > 0 || this.tailEnded || this.busy) this.tail = [...pushed, ...this.tail];
      if (this.stale) this.pushed = [...pushed, ...this.pushed];
    }
    this.head = snapshot.docs;
    this.ready = true;
    this.error = null;
    void this.fill();
  };

  private headFailed = (error: unknown) => {
    this.stopListening = null; // Firestore ends a listener that fails
    this.failed(error);
  };

  private late = () => {
    if (this.ready || this.error) return;
    this.error = unreachable();
    this.tell();
  };

  private failed = (error: unknown) => {
    this.error = toBankError(error);
    this.tell();
  };

  private async fill(): Promise<void> {
    if (this.busy || !this.ready) return this.tell();
    this.busy = true;
    this.tell();
    try {
      while (this.watchers.size > 0 && this.lacking && this.looked - this.askedAt < UNASKED) {
        const after = this.tail.at(-1) ?? this.head.at(-1);
        if (!after) break;
        const { generation } = this;
        const most = this.searches ? Math.min(SCAN, UNASKED - (this.looked - this.askedAt)) : PAGE;
        const page = await ask(LABEL, query(this.query, startAfter(after), limit(most)));
        if (generation !== this.generation) continue;
        this.tail = [...this.tail, ...page.docs];
        this.tailEnded = page.size < most;
        this.tell();
      }
    } catch (error) {
      this.error = toBankError(error);
    } finally {
      this.busy = false;
      this.tell();
    }
  }

  private tell() {
    const seen = new Set<string>();
    const rows: Transaction[] = [];
    for (const row of [...this.head, ...this.tail]) {
      if (seen.has(row.ref.path)) continue;
      seen.add(row.ref.path);
      const one = this.contentOf(row);
      if (this.present && !this.present.has(one.connection_id)) continue;
      if (matches(one, this.filter)) rows.push(one);
    }
    this.value = {
      ...this.value,
      rows,
      state: this.ready ? "ready" : this.error ? "failed" : "loading",
      error: this.error,
      more: !this.ended,
      loading: this.busy || (!this.ready && !this.error),
      looked: this.looked,
    };
    this.value.paused = this.lacking && !this.busy && this.looked - this.askedAt >= UNASKED;
    for (const watcher of this.watchers) watcher();
  }

  private contentOf(row: Row): Transaction {
    const one = this.read.get(row) ?? row.data();
    this.read.set(row, one);
    return one;
  }

  /** Shows the user's change to a row outside the live page immediately. */
  amend(id: string, change: (one: Transaction) => Transaction): void {
    const row = this.tail.find((one) => one.id === id);
    if (!row) return;
    this.read.set(row, change(this.contentOf(row)));
    this.tell();
  }
}

/** Whether a row comes after another in the list's order: by day, then by path, both descending. */
function isAfter(one: Row, other: Row): boolean {
  const day: string = one.get("date");
  const otherDay: string = other.get("date");
  return day === otherDay ? one.ref.path < other.ref.path : day < otherDay;
}
