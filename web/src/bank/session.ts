/** Authentication. A module of its own, so that the sign-in page loads without Firestore. */
import { type FirebaseApp, initializeApp } from "firebase/app";
import {
  type Auth,
  browserPopupRedirectResolver,
  connectAuthEmulator,
  createUserWithEmailAndPassword,
  GoogleAuthProvider,
  indexedDBLocalPersistence,
  initializeAuth,
  onAuthStateChanged,
  sendEmailVerification,
  sendPasswordResetEmail,
  signInWithCredential,
  signInWithEmailAndPassword,
  signInWithPopup,
  signOut,
  type User,
} from "firebase/auth";
import { type Config, loadConfig } from "./config";
import { forgetAllLinks } from "./keptLink";

export interface Bank {
  app: FirebaseApp;
  auth: Auth;
  config: Config;
}

let started: Bank | null = null;

/** Initialises the library, once; its other modules call `bank()`. */
export async function startBank(): Promise<Bank> {
  if (started) return started;
  const config = await loadConfig();
  const app = initializeApp(config.firebase ?? {});
  // App Check first: Firebase would refuse requests without its token.
  if (config.app_check_site_key) (await import("./appCheck")).vouchFor(app, config.app_check_site_key);
  const auth = initializeAuth(app, { persistence: indexedDBLocalPersistence });
  if (config.emulators) {
    const { host, auth: port } = config.emulators;
    connectAuthEmulator(auth, `http://${host}:${port}`, { disableWarnings: true });
  }
  started = { app, auth, config };
  return started;
}

export function bank(): Bank {
  if (!started) throw new Error("startBank() comes first");
  return started;
}

export const onUser = (listener: (user: User | null) => void) => onAuthStateChanged(bank().auth, listener);

export const signUp = (email: string, password: string) => createUserWithEmailAndPassword(bank().auth, email, password);

export const signIn = (email: string, password: string) => signInWithEmailAndPassword(bank().auth, email, password);

export const resetPassword = (email: string) => sendPasswordResetEmail(bank().auth, email);

/** Sends the user an email with a link that verifies their address, and returns that address. */
export async function sendVerification(): Promise<string> {
  const { currentUser } = bank().auth;
  if (!currentUser?.email) throw new Error("this user has no e-mail address");
  await sendEmailVerification(currentUser);
  return currentUser.email;
}

/** Signs in with Google's window; the emulators have none and sign in with the given address. */
export async function signInWithGoogle(localEmail?: string) {
  const { auth, config } = bank();
  if (!config.emulators) return signInWithPopup(auth, new GoogleAuthProvider(), browserPopupRedirectResolver);
  const claims = { sub: `google-${localEmail}`, email: localEmail, email_verified: true };
  return signInWithCredential(auth, GoogleAuthProvider.credential(JSON.stringify(claims)));
}

export const leave = () => {
  forgetAllLinks(); // the next user of this browser must not continue a Link session of this one
  return signOut(bank().auth);
};

export const isSignedIn = () => bank().auth.currentUser !== null;

/** Errors after which retrying cannot produce an ID token. */
const OVER = new Set([
  "auth/user-disabled",
  "auth/user-not-found",
  "auth/user-token-expired",
  "auth/invalid-user-token",
  "auth/invalid-refresh-token",
]);

/**
 * Refreshes the ID token. Signs out if that is impossible, because the account was deleted or its session revoked.
 * @returns whether the user is still signed in
 */
export async function checkSession(): Promise<boolean> {
  try {
    await bank().auth.currentUser?.getIdToken(true);
  } catch (error) {
    if (OVER.has((error as { code?: string }).code ?? "")) await leave();
  }
  return isSignedIn();
}
