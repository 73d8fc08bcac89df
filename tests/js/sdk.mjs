// What an app's code does, with the real Firebase SDK: sign in, connect a bank, watch the sync, read, and be refused.
// argv[2] has the URLs as JSON; the results go to stdout as JSON, for the Python test to check.
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, createUserWithEmailAndPassword, getAuth, signOut } from "firebase/auth";
import * as store from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

const at = JSON.parse(process.argv[2]);
const HOST = "127.0.0.1";
const PATIENCE = 80_000;

/** A Firebase app with a signed-in user. */
async function signedIn(name) {
  const app = initializeApp({ apiKey: "local", projectId: at.project }, name);
  const auth = getAuth(app);
  connectAuthEmulator(auth, `http://${HOST}:${at.auth}`, { disableWarnings: true });
  const db = store.getFirestore(app);
  store.connectFirestoreEmulator(db, HOST, at.firestore);
  const functions = getFunctions(app, at.region);
  connectFunctionsEmulator(functions, HOST, at.functions);
  const email = `${name}-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;
  const { user } = await createUserWithEmailAndPassword(auth, email, "a long password");
  const call = async (what, data) => (await httpsCallable(functions, what)(data)).data;
  return { auth, db, call, uid: user.uid };
}

/** What Link would return. */
async function publicToken() {
  const answer = await fetch(`${at.plaid}/sandbox/public_token/create`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...at.keys },
    body: JSON.stringify({
      institution_id: "ins_109508",
      initial_products: ["transactions"],
      options: { webhook: at.webhook, transactions: { days_requested: 730 } },
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).public_token;
}

/** What a listener sees of something's progress, until the history is complete. */
function watch(target) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const late = setTimeout(() => reject(new Error(`the sync did not end: ${JSON.stringify(seen)}`)), PATIENCE);
    const stop = store.onSnapshot(
      target,
      (snapshot) => {
        for (const { doc } of snapshot.docChanges?.() ?? [{ doc: snapshot }]) {
          if (!doc.exists()) continue; // the cache does not know it yet
          const { connection_id, status, stage, percent, history_complete } = doc.data();
          seen.push({ connection_id, status, stage, percent, history_complete });
          if (status !== "completed" || !history_complete) continue;
          clearTimeout(late);
          stop();
          resolve(seen);
        }
      },
      reject,
    );
  });
}

/** The code and details with which something was refused, or that it was not. */
async function refusal(attempt) {
  try {
    await attempt();
    return { code: null };
  } catch (error) {
    return { code: error.code ?? String(error), details: error.details ?? null, message: error.message };
  }
}

/** Asks until the server answers: while the emulator has broken its stream off, the SDK knows only its empty cache. */
async function answered(db, ask) {
  for (const until = Date.now() + PATIENCE; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (error.code !== "unavailable" || Date.now() > until) throw error;
      await store.disableNetwork(db); // resets the SDK's backoff
      await store.enableNetwork(db);
    }
  }
}

const list = async (query) =>
  (await answered(query.firestore, () => store.getDocsFromServer(query))).docs.map((document) => document.data());
const read = async (document) => (await answered(document.firestore, () => store.getDocFromServer(document))).data();
// The security rules require a limit in lists of transactions.
const ofOwner = (db, collection, uid) =>
  store.query(store.collectionGroup(db, collection), store.where("app_user_id", "==", uid), store.limit(500));

const ann = await signedIn("ann");
const bob = await signedIn("bob");
const { db } = ann;

// A listener that starts before the connection exists misses no progress, however quickly the first run starts.
const mine = (collection) => store.query(store.collection(db, collection), store.where("app_user_id", "==", ann.uid));
const fromTheStart = watch(mine("bank_sync_progress"));
const link = await ann.call("create_link_token", {});
const token = await publicToken();
const connection = await ann.call("exchange_public_token", {
  public_token: token,
  link_token: link.link_token,
  institution: { institution_id: "ins_109508", name: "First Platypus Bank" },
});
const id = connection.connection_id;
const afterwards = await watch(store.doc(db, "bank_sync_progress", id));
const seen = await fromTheStart;

const transactions = await list(
  store.query(ofOwner(db, "bank_transactions", ann.uid), store.orderBy("date", "desc")),
);
const first = transactions[0];
const path = `bank_connections/${id}/bank_transactions/${first.transaction_id}`;
await store.updateDoc(store.doc(db, path), { user: { note: "via the SDK", tags: ["one"] } });
await store.updateDoc(store.doc(db, path), { "user.hidden": true });
await store.setDoc(store.doc(db, "users", ann.uid), { language: "fr", notification_tokens: ["a device"] });

const theirs = {
  connection: () => store.getDoc(store.doc(bob.db, "bank_connections", id)),
  account: () => store.getDoc(store.doc(bob.db, `bank_connections/${id}/bank_accounts/${connection.account_ids[0]}`)),
  transaction: () => store.getDoc(store.doc(bob.db, path)),
  progress: () => store.getDoc(store.doc(bob.db, "bank_sync_progress", id)),
  profile: () => store.getDoc(store.doc(bob.db, "users", ann.uid)),
  accounts: () => store.getDocs(store.collection(bob.db, `bank_connections/${id}/bank_accounts`)),
  transactions: () => store.getDocs(ofOwner(bob.db, "bank_transactions", ann.uid)),
  "all transactions": () => store.getDocs(store.query(store.collectionGroup(bob.db, "bank_transactions"), store.limit(1))),
  "all connections": () => store.getDocs(store.collection(bob.db, "bank_connections")),
  "a note on a transaction": () => store.updateDoc(store.doc(bob.db, path), { user: { note: "mine" } }),
};
const own = {
  credentials: () => store.getDoc(store.doc(db, "bank_credentials", id)),
  "sync state": () => store.getDoc(store.doc(db, "bank_sync_state", id)),
  "transactions without a limit": () =>
    store.getDocs(store.query(store.collectionGroup(db, "bank_transactions"), store.where("app_user_id", "==", ann.uid))),
  "a count of transactions without a limit": () =>
    store.getCountFromServer(
      store.query(store.collectionGroup(db, "bank_transactions"), store.where("app_user_id", "==", ann.uid)),
    ),
  institutions: () => store.getDocs(store.query(store.collection(db, "bank_institutions"), store.limit(1))),
  "all credentials": () => store.getDocs(mine("bank_credentials")),
  "an amount": () => store.updateDoc(store.doc(db, path), { amount: "0" }),
  "a status": () => store.updateDoc(store.doc(db, "bank_sync_progress", id), { status: "pending" }),
  "a connection": () => store.deleteDoc(store.doc(db, "bank_connections", id)),
};
const calls = {
  "no token": () => ann.call("exchange_public_token", {}),
  "an unknown field": () => ann.call("create_link_token", { colour: "red" }),
  "an unknown token": () =>
    ann.call("exchange_public_token", { public_token: "public-sandbox-00000000-0000-4000-8000-000000000000" }),
  "another's token": () => bob.call("exchange_public_token", { public_token: token }),
  "another's link token": async () =>
    bob.call("exchange_public_token", { public_token: await publicToken(), link_token: link.link_token }),
  "another's connection": () => bob.call("sync_connection", { connection_id: id }),
  "the same accounts": async () => ann.call("exchange_public_token", { public_token: await publicToken() }),
};

const results = async (attempts) => {
  const found = {};
  for (const [name, attempt] of Object.entries(attempts)) found[name] = await refusal(attempt);
  return found;
};

const report = {
  uid: ann.uid,
  link,
  connection,
  seen,
  afterwards,
  transactions: transactions.map(({ transaction_id, date, app_user_id }) => ({ transaction_id, date, app_user_id })),
  accounts: (await list(ofOwner(db, "bank_accounts", ann.uid))).length,
  connections: (await list(mine("bank_connections"))).length,
  institution: (await read(store.doc(db, "bank_institutions", "ins_109508")))?.name ?? null,
  note: (await read(store.doc(db, path))).user,
  again: await ann.call("exchange_public_token", { public_token: token }),
  sync: (await ann.call("sync_connection", { connection_id: id })).sync_progress,
  theirs: await results(theirs),
  own: await results(own),
  calls: await results({ ...calls, "a sync too soon": () => ann.call("sync_connection", { connection_id: id }) }),
};
await signOut(ann.auth);
report.signedOut = await results({
  transactions: () => store.getDocs(ofOwner(db, "bank_transactions", ann.uid)),
  institution: () => store.getDoc(store.doc(db, "bank_institutions", "ins_109508")),
  "a call": () => ann.call("create_link_token", {}),
});
process.stdout.write(JSON.stringify(report), () => process.exit(0));
