import type { User } from "firebase/auth";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { leave, onUser } from "./bank/session";
import { Crash } from "./parts/Crash";
import { SignIn } from "./screens/SignIn";
import { useText } from "./text/language";

const Shell = lazy(() => import("./screens/Shell"));

/** Shows the sign-in page, or the app, whose code is loaded only for a signed-in user. */
export function App() {
  const { t } = useText();
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const last = useRef<User | null>(null);
  const leaving = useRef(false);
  useEffect(
    () =>
      onUser((now) => {
        // Another account signed in, in another tab: no data of the first account may stay in memory.
        if (last.current && now && last.current.uid !== now.uid) return location.reload();
        if (now) last.current = now;
        setUser(now);
      }),
    [],
  );
  if (user === undefined || (user === null && leaving.current))
    return <div className="splash" role="status" aria-label={t.loading} />;
  if (user === null) return <SignIn ended={last.current?.email ?? null} />;
  const signOut = async () => {
    leaving.current = true; // the user signed out, so the page does not say that the session has expired
    try {
      await leave();
    } catch (error) {
      leaving.current = false;
      throw error;
    }
    // Loading a new page clears the user's data from memory, also for the browser's Back button.
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    location.assign("/");
  };
  return (
    <Crash>
      <Suspense fallback={<div className="splash" role="status" aria-label={t.loading} />}>
        <Shell user={user} signOut={signOut} />
      </Suspense>
    </Crash>
  );
}
