/** config.json beside the page: the committed one in production, the stack's own locally. */
export interface Config {
  /** The Firebase project; left out in production, where Hosting answers it at a reserved address. */
  firebase?: { apiKey: string; projectId: string; authDomain?: string; appId?: string };
  region: string;
  /** Plaid's script or, locally, the simulator's, which has the same interface. */
  link_script: string;
  /** Whether banks with OAuth may send the browser back to `/link-return`: that address is registered at Plaid. */
  oauth_redirect: boolean;
  support_email?: string | null;
  /** Of reCAPTCHA Enterprise. With one, App Check vouches for this app: the backend's `APP_CHECK=1` asks for that. */
  app_check_site_key?: string | null;
  emulators?: { host: string; auth: number; firestore: number; functions: number };
}

async function json<T>(address: string): Promise<T> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return (await answer.json()) as T;
}

/** Reads where the app runs. */
export async function loadConfig(): Promise<Config> {
  const config = await json<Config>("/config.json");
  // https://firebase.google.com/docs/hosting/reserved-urls
  return config.firebase ? config : { ...config, firebase: await json("/__/firebase/init.json") };
}
