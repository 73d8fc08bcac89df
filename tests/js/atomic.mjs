// An app that listens to its transactions with the real Firebase SDK while the bank posts pending ones, and whose user
// writes notes before and while they post. argv[2] has the URLs as JSON; the observations go to stdout.
import { request } from "node:http";
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, createUserWithEmailAndPassword, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import * as store from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

const at = JSON.parse(process.argv[2]);
const HOST = "127.0.0.1";
// The emulator sometimes closes a listen stream; the SDK then backs off for up to a minute and a half, perhaps twice.
const PATIENCE = 240_000;
const HISTORY = 40;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Small and seeded: mulberry32. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A request to this machine; not by fetch, which shuns some ports. */
function post(port, path, token, body) {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
    const asked = request({ host: HOST, port, path, method: "POST", headers }, async (answer) => {
      const text = (await answer.setEncoding("utf8").toArray()).join("");
      if (answer.statusCode === 200) resolve(JSON.parse(text));
      else reject(new Error(text));
    });
    asked.on("error", reject);
    asked.end(JSON.stringify(body));
  });
}

async function plaid(path, body) {
  const answer = await fetch(`${at.plaid}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...at.keys },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** An app of its own, as on a phone of its own. */
function phone(name) {
  const app = initializeApp({ apiKey: "local", projectId: at.project }, name);
  const auth = getAuth(app);
  connectAuthEmulator(auth, `http://${HOST}:${at.auth}`, { disableWarnings: true });
  const db = store.getFirestore(app);
  store.connectFirestoreEmulator(db, HOST, at.firestore);
  return { app, auth, db };
}

// The same user twice: one device writes, the other only listens, so that it never shows its own pending writes.
const email = `atomic-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;
const { app, auth, db } = phone("writes");
const { user } = await createUserWithEmailAndPassword(auth, email, "a long password");
const watching = phone("listens");
await signInWithEmailAndPassword(watching.auth, email, "a long password");
const functions = getFunctions(app, at.region);
connectFunctionsEmulator(functions, HOST, at.functions);

const { public_token } = await plaid("/sandbox/public_token/create", {
  institution_id: "ins_109508",
  initial_products: ["transactions"],
  options: {
    webhook: at.webhook,
    override_username: "user_generated",
    override_password: JSON.stringify({ transactions: HISTORY, seed: at.seed }),
  },
});
const { data: link } = await httpsCallable(functions, "create_link_token")({});
const { data: connection } = await httpsCallable(
  functions,
  "exchange_public_token",
)({ public_token, link_token: link.link_token });
const id = connection.connection_id;
const root = `bank_connections/${id}/bank_transactions`;
const row = (transactionId) => store.doc(db, root, transactionId);
const itemId = (await store.getDoc(store.doc(db, "bank_connections", id))).data().item_id;
const change = (body) => plaid(`/_sim/items/${itemId}/transactions`, body);

// Every snapshot of the listener, and what must hold for it once the pending rows have arrived.
//
// The Firestore emulator resends all rows to a listener at each change, so it never names a deleted row: the SDK keeps
// it, calls the snapshot `fromCache`, and reads the row separately. Such a snapshot shows deleted rows, whichever app
// deleted them; so "both" is checked only in snapshots from the server, and "neither" in all.
let pairs = [];
let posted = new Map();
let shown = new Map();
const looks = { level: 0, behind: 0, queries: 0 };
const both = [];
const neither = [];
const waiting = new Set();

/** Notes what is wrong with a set of rows, as an app would hold them. */
function judge(ids, successors, where, level) {
  for (const pending of pairs) {
    if (level && ids.has(pending) && successors.has(pending)) both.push({ where, pending });
    if (!ids.has(pending) && !successors.has(pending)) neither.push({ where, pending });
  }
}

const listed = store.query(store.collection(watching.db, root), store.limit(500)); // the rules require a limit
store.onSnapshot(listed, { includeMetadataChanges: true }, (snapshot) => {
  shown = new Map(snapshot.docs.map((document) => [document.id, document.data()]));
  posted = new Map();
  for (const data of shown.values()) {
    if (data.pending_transaction_id) posted.set(data.pending_transaction_id, data);
  }
  if (pairs.length) {
    const level = !snapshot.metadata.fromCache;
    looks[level ? "level" : "behind"] += 1;
    judge(shown, posted, `snapshot ${looks.level + looks.behind}`, level);
  }
  for (const look of waiting) look();
});

/** All rows, by a query to the server, which knows no cache at all. */
async function query() {
  const path = `/v1/projects/${at.project}/databases/(default)/documents/bank_connections/${id}:runQuery`;
  const fields = [{ fieldPath: "pending_transaction_id" }, { fieldPath: "user" }];
  const structuredQuery = { from: [{ collectionId: "bank_transactions" }], select: { fields }, limit: 500 };
  const answer = await post(at.firestore, path, await user.getIdToken(), { structuredQuery });
  const found = { ids: new Set(), posted: new Map() };
  for (const { document } of answer) {
    found.ids.add(document.name.split("/").pop());
    const pending = document.fields?.pending_transaction_id?.stringValue;
    if (pending) found.posted.set(pending, document.fields.user?.mapValue.fields ?? null);
  }
  return found;
}

/** Looks over and over. */
async function ask(over) {
  while (!over.is) {
    const found = await query();
    looks.queries += 1;
    judge(found.ids, found.posted, `query ${looks.queries}`, true);
    await sleep(30);
  }
}

/** Waits until what the listener holds is so. */
function until(what, found) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      waiting.delete(look);
      reject(new Error(`not seen: ${what}`));
    }, PATIENCE);
    const look = () => {
      if (!found()) return;
      clearTimeout(late);
      waiting.delete(look);
      resolve();
    };
    waiting.add(look);
    look();
  });
}

await until("the history", () => shown.size >= HISTORY);
const add = Array.from({ length: at.rows }, (_, i) => ({ amount: i + 0.25, name: `Purchase ${i}`, pending: true }));
const { added } = await change({ add });
await until("the pending rows", () => added.every((pending) => shown.has(pending)));
pairs = added;
const over = { is: false };
const asking = ask(over);

// The last note that Firestore has acknowledged on each pending row: the posted row must have it.
const notes = {};
const next = random(at.seed);
const write = async (pending, note) => {
  await store.updateDoc(row(pending), { user: { note, tags: [note] } });
  notes[pending] = note;
};
await Promise.all(pairs.filter((_, i) => i % 2 === 0).map((pending) => write(pending, "before")));

/** Writes note after note until the row is gone; the last one may be refused. */
async function writeOn(pending) {
  await sleep(next() * 400);
  for (let i = 0; shown.has(pending); i += 1) {
    try {
      await write(pending, `during ${i}`);
    } catch (error) {
      return error.code;
    }
    await sleep(next() * 40);
  }
  return "gone";
}

const ends = {};
const size = Math.ceil(pairs.length / at.batches);
for (let start = 0; start < pairs.length; start += size) {
  const batch = pairs.slice(start, start + size);
  const writers = batch.filter((_, i) => i % 3 !== 0).map(writeOn);
  await change({ post: batch });
  await until("the posted rows", () => batch.every((pending) => posted.has(pending)));
  for (const end of await Promise.all(writers)) ends[end] = (ends[end] ?? 0) + 1;
}
await store.waitForPendingWrites(db);
over.is = true;
await asking;

const server = await query();
const stored = {};
for (const [pending, fields] of server.posted) {
  stored[pending] = fields && {
    note: fields.note.stringValue,
    tags: fields.tags.arrayValue.values.map((tag) => tag.stringValue),
  };
}
const left = pairs.filter((pending) => server.ids.has(pending));
const token = await user.getIdToken();
const report = { uid: user.uid, token, id, pairs, looks, both, neither, notes, stored, left, ends };
process.stdout.write(JSON.stringify(report), () => process.exit(0));
