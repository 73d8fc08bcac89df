/** A list of transactions, newest first: the newest page live, older pages on demand, and every read accounted for. */
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
  /** Days, `YYYY-MM-DD`, both included. */
  from?: string;
  to?: string;
  /** Amounts without their sign. */
  least?: number;
  most?: number;
  text?: string;
}
export interface FeedState {
  rows: Transaction[];
  state: "loading" | "ready" | "failed";
  error: BankError | null;
  /** Whether there is more than what is loaded. */
  more: boolean;
  loading: boolean;
  /** Whether the search for matches has paused, so as not to read everything unasked. */
  paused: boolean;
  /** How many documents were looked at. */
  looked: number;
}
type Row = QueryDocumentSnapshot<Transaction>;

export const PAGE = 50;
export const UNASKED = 500; // documents read in search of matches before the user is asked whether to go on
const SCAN = 250; // documents of one answer in such a search
const ENOUGH = 25;
const LABEL = "transactions";

/** A user's own category comes before the bank's. */
export const categoryOf = (one: Transaction): string | null => one.user?.category || (one.category?.primary ?? null);

/**
 * What Firestore narrows down: days, and one account or one category; `matches` does the rest.
 * Its indexes are in firestore.indexes.json.
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

/** Whether a transaction is what a filter asks for. */
export function matches(one: Transaction, filter: Filter): boolean {
  const { account, category, least, most, text } = filter;
  if (account && one.account_id !== account) return false;
  if (category && categoryOf(one) !== category) return false;
  const size = Math.abs(one.amount_value);
  if ((least !== undefined && size < least) || (most !== undefined && size > most)) return false;
  if (!text) return true;
  const words = [one.name, one.merchant_name, one.user?.note, one.amount, ...(one.user?.tags ?? [])];
  const found = plain(words.filter(Boolean).join(" "));
  return plain(text)
    .split(/\s+/)
    .every((word) => found.includes(word) || sizeIn(word) === size);
}

export class Feed {
  private head: Row[] = [];
  private tail: Row[] = [];
  private pushed: Row[] = []; // out of the live page while the older ones are being read anew
  private read = new WeakMap<Row, Transaction>(); // Firestore converts a row anew each time that it is asked
  private tailEnded = false;
  private want = ENOUGH;
  private askedAt = 0;
  private busy = false;
  private stale = false; // whether the older pages wait to be read anew
  private ready = false;
  private error: BankError | null = null;
  private stopListening: (() => void) | null = null;
  private watchers = new Set<() => void>();
  private generation = 0; // of the older pages: an answer that comes after they were replaced belongs nowhere
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

  /** Goes on after an error. */
  retry = async (): Promise<void> => {
    if (!this.error) return;
    this.error = null;
    this.listen();
    if (this.stale) await this.reload();
    if (!this.error) await this.fill();
  };

  /** Asks for the next page of matches. */
  more = (): void => {
    this.want = this.value.rows.length + PAGE;
    this.askedAt = this.looked;
    void (this.error ? this.retry() : this.fill());
  };

  /** Reads the older pages anew: a sync has changed something somewhere. */
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

  /** Says which connections there are: rows of others are being deleted, and no longer shown. */
  only(connections: ReadonlySet<string>): void {
    this.present = connections;
    if (this.ready) void this.fill();
  }

  private get looked() {
    return this.head.length + this.tail.length;
  }

  /** Whether Firestore answers more than what is asked for. */
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
      // There is nothing beside the live page: whatever was read beyond it is gone.
      this.generation++;
      this.tail = [];
      this.tailEnded = false;
    } else if (snapshot.size === PAGE && last) {
      // Newer rows push older ones out of the live page: those go on to the rest, unlike those that are gone.
      const gone = snapshot.docChanges().filter(({ type }) => type === "removed");
      const pushed = gone.map(({ doc }) => doc).filter((doc) => isAfter(doc, last));
      // Where nothing was read beyond the page, nor is being read, the next page begins with them.
      if (this.tail.length > 0 || this.tailEnded || this.busy) this.tail = [...pushed, ...this.tail];
      if (this.stale) this.pushed = [...pushed, ...this.pushed];
    }
    this.head = snapshot.docs;
    this.ready = true;
    this.error = null;
    void this.fill();
  };

  private headFailed = (error: unknown) => {
    this.stopListening = null; // Firestore has ended it
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

  /** What the user wrote on a row that is not live is shown at once. */
  amend(id: string, change: (one: Transaction) => Transaction): void {
    const row = this.tail.find((one) => one.id === id);
    if (!row) return;
    this.read.set(row, change(this.contentOf(row)));
    this.tell();
  }
}

/** In the order of the list: by day, then by path, both descending. */
function isAfter(one: Row, other: Row): boolean {
  const day: string = one.get("date");
  const otherDay: string = other.get("date");
  return day === otherDay ? one.ref.path < other.ref.path : day < otherDay;
}
