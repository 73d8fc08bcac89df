import type { User } from "firebase/auth";
import { LifeBuoy, LogOut, Trash2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { deleteBankData, setLanguage, toBankError, useOnline } from "../bank";
import { Button, Field } from "../parts/basics";
import { say } from "../parts/toasts";
import { useAction, words } from "../parts/useAction";
import { useTitle } from "../parts/useTitle";
import { LANGUAGES, type Language, tagOf, useText } from "../text/language";
import { remember, remembered } from "../text/remembered";

const Confirm = lazy(() => import("../parts/Confirm"));
const Report = lazy(() => import("./Report"));
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function ThemeChoice() {
  const { t } = useText();
  const [theme, setTheme] = useState<Theme>((remembered("theme") as Theme | null) ?? "system");
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    remember("theme", chosen);
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  };
  return (
    <Field label={t.settings.theme}>
      {(id) => (
        <select id={id} value={theme} onChange={(event) => choose(event.target.value as Theme)}>
          {THEMES.map((one) => (
            <option key={one} value={one}>
              {t.settings.themes[one]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function LanguageChoice({ uid }: { uid: string }) {
  const { t, spoken, speak } = useText();
  const failed = (error: unknown) => say(words(toBankError(error), t), { tone: "bad" });
  // The backend uses the language in the user's document for notifications and Link, and its region for their dates.
  const choose = (chosen: Language) => {
    // Do not await these: offline they stay pending until the network is back, and the last choice wins.
    speak(chosen).catch(failed);
    setLanguage(uid, tagOf(chosen)).catch(failed);
  };
  return (
    <Field label={t.settings.language}>
      {(id) => (
        <select id={id} value={spoken} onChange={(event) => choose(event.target.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Account, appearance, help, and deleting all data. */
export default function Settings({ user, signOut }: { user: User; signOut(): Promise<void> }) {
  const { t } = useText();
  const words = t.settings;
  const [from, go] = useLocation();
  const asked = new URLSearchParams(useSearch()).has("report");
  const online = useOnline();
  const erasure = useAction();
  const [deleting, setDeleting] = useState(false);
  const [reporting, setReporting] = useState(false);
  useTitle(words.title);
  const closeReport = () => {
    setReporting(false);
    if (asked) go("/settings", { replace: true });
  };
  const erase = async () => {
    const refused = await erasure.run(async () => {
      await deleteBankData({});
      say(words.deleted);
      if (location.pathname === from) go("/"); // unless the user has opened another page since
    });
    if (refused) setDeleting(false);
  };
  return (
    <>
      <header className="page-head">
        <h1>{words.title}</h1>
      </header>
      <section className="card pad">
        <h2 className="card-title">{words.account}</h2>
        <p>
          {words.signedInAs} <strong>{user.email}</strong>
        </p>
        <Button icon={<LogOut aria-hidden />} onClick={signOut}>
          {words.signOut}
        </Button>
      </section>
      <section className="card pad">
        <h2 className="card-title">{words.appearance}</h2>
        <div className="choices">
          <ThemeChoice />
          <LanguageChoice uid={user.uid} />
        </div>
      </section>
      <section className="card pad">
        <h2 className="card-title">{words.help}</h2>
        <p className="soft">{words.reportBody}</p>
        <Button icon={<LifeBuoy aria-hidden />} onClick={() => setReporting(true)}>
          {words.report}
        </Button>
      </section>
      <section className="card pad">
        <h2 className="card-title">{words.data}</h2>
        <p className="soft">{words.deleteBody}</p>
        <Button look="danger" icon={<Trash2 aria-hidden />} disabled={!online} onClick={() => setDeleting(true)}>
          {words.deleteAll}
        </Button>
      </section>
      <Suspense>
        {(reporting || asked) && <Report user={user} onClose={closeReport} />}
        {deleting && (
          <Confirm
            title={words.deleteTitle}
            body={words.deleteBody}
            confirm={words.deleteAll}
            word={{ label: words.deleteConfirm, value: words.deleteWord }}
            busy={erasure.busy}
            onConfirm={erase}
            onClose={() => setDeleting(false)}
          />
        )}
      </Suspense>
    </>
  );
}
