// An app that listens to its transactions with the real Firebase SDK while the bank posts pending ones, and whose user
// writes notes before, and in the very moment. The addresses come as JSON in argv[2]; what was seen goes to stdout.
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, createUserWithEmailAndPassword, getAuth } from "firebase/auth";
import * as store from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

const at = JSON.parse(process.argv[2]);
const HOST = "127.0.0.1";
const PATIENCE = 120_000;
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

async function plaid(path, body) {
  const answer = await fetch(`${at.plaid}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "PLAID-CLIENT-ID": "local", "PLAID-SECRET": "local" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

const app = initializeApp({ apiKey: "local", projectId: at.project });
const auth = getAuth(app);
connectAuthEmulator(auth, `http://${HOST}:${at.auth}`, { disableWarnings: true });
const db = store.getFirestore(app);
store.connectFirestoreEmulator(db, HOST, at.firestore);
const functions = getFunctions(app, at.region);
connectFunctionsEmulator(functions, HOST, at.functions);
const email = `atomic-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;
const { user } = await createUserWithEmailAndPassword(auth, email, "a long password");

const { public_token } = await plaid("/sandbox/public_token/create", {
  institution_id: "ins_109508",
  initial_products: ["transactions"],
  options: {
    webhook: at.webhook,
    override_username: "user_generated",
    override_password: JSON.stringify({ transactions: 200, seed: at.seed }),
  },
});
const { data: connection } = await httpsCallable(functions, "exchange_public_token")({ public_token });
const id = connection.connection_id;
const rows = store.collection(db, `bank_connections/${id}/bank_transactions`);
const row = (transactionId) => store.doc(rows, transactionId);
const itemId = (await store.getDoc(store.doc(db, "bank_connections", id))).data().item_id;
const change = (body) => plaid(`/_sim/items/${itemId}/transactions`, body);

// What the listener holds at every moment, and what must be true of it once the pending rows are there.
let pairs = [];
let posted = new Map();
let shown = new Map();
let snapshots = 0;
const both = [];
const neither = [];
const waiting = new Set();
store.onSnapshot(rows, { includeMetadataChanges: true }, (snapshot) => {
  shown = new Map(snapshot.docs.map((document) => [document.id, document.data()]));
  posted = new Map();
  for (const data of shown.values()) {
    if (data.pending_transaction_id) posted.set(data.pending_transaction_id, data);
  }
  if (pairs.length) {
    snapshots += 1;
    for (const pending of pairs) {
      if (shown.has(pending) && posted.has(pending)) both.push({ snapshots, pending });
      if (!shown.has(pending) && !posted.has(pending)) neither.push({ snapshots, pending });
    }
  }
  for (const look of waiting) look();
});

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

await until("the history", () => shown.size >= 200);
const add = Array.from({ length: at.rows }, (_, i) => ({ amount: i + 0.25, name: `Purchase ${i}`, pending: true }));
const { added } = await change({ add });
await until("the pending rows", () => added.every((pending) => shown.has(pending)));
pairs = added;

// The last note that the store has acknowledged on each pending row: it must be found on the posted one.
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

const server = await store.getDocsFromServer(rows);
const stored = {};
for (const document of server.docs) {
  const data = document.data();
  if (data.pending_transaction_id) stored[data.pending_transaction_id] = data.user ?? null;
}
const left = pairs.filter((pending) => server.docs.some((document) => document.id === pending));
const report = { uid: user.uid, token: await user.getIdToken(), id, pairs, snapshots, both, neither, notes, stored, left, ends };
process.stdout.write(JSON.stringify(report), () => process.exit(0));
