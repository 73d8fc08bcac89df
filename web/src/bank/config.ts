/** config.json: the committed file in production, the local stack's own file in development. */
export interface Config {
  /** The Firebase project; omitted in production, where Hosting serves it at a reserved URL. */
  firebase?: { apiKey: string; projectId: string; authDomain?: string; appId?: string };
  region: string;
  /** The URL of Plaid Link's script, or of the simulator's, which has the same interface. */
  link_script: string;
  /** Whether `/link-return` is registered at Plaid as a redirect URI for OAuth banks. */
  oauth_redirect: boolean;
  support_email?: string | null;
  /** The reCAPTCHA Enterprise site key. It enables App Check, which the backend requires with `APP_CHECK=1`. */
  app_check_site_key?: string | null;
  emulators?: { host: string; auth: number; firestore: number; functions: number };
}

async function json<T>(address: string): Promise<T> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return (await answer.json()) as T;
}

/** Reads the configuration of the environment the app runs in. */
export async function loadConfig(): Promise<Config> {
  const config = await json<Config>("/config.json");
  // https://firebase.google.com/docs/hosting/reserved-urls
  return config.firebase ? config : { ...config, firebase: await json("/__/firebase/init.json") };
}
