import type { User } from "firebase/auth";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { leave, onUser } from "./bank/session";
import { Crash } from "./parts/Crash";
import { SignIn } from "./screens/SignIn";
import { useText } from "./text/language";

const Shell = lazy(() => import("./screens/Shell"));

/** Either nobody is signed in, or somebody is: the rest of the app is loaded only then. */
export function App() {
  const { t } = useText();
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const last = useRef<User | null>(null);
  const leaving = useRef(false);
  useEffect(
    () =>
      onUser((now) => {
        // Another account in another tab: nothing of the first may stay in memory.
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
    leaving.current = true; // of their own will: it is not said that the session has ended
    try {
      await leave();
    } catch (error) {
      leaving.current = false;
      throw error;
    }
    // A new page: nothing of the user stays in memory, not even for who comes back by the browser's button.
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
