import { Check } from "lucide-react";
import { type FormEvent, useState } from "react";
import { bank, resetPassword, signIn, signInWithGoogle, signUp } from "../bank/session";
import { Button, Field } from "../parts/basics";
import { LANGUAGES, type Language, useText } from "../text/language";

const REASONS: Record<string, string> = {
  "auth/email-already-in-use": "taken",
  "auth/weak-password": "weak",
  "auth/invalid-email": "email",
  "auth/too-many-requests": "tooMany",
  "auth/user-disabled": "disabled",
  "auth/network-request-failed": "offline",
  "auth/popup-closed-by-user": "popup",
  "auth/cancelled-popup-request": "popup",
  "auth/popup-blocked": "blocked",
  "auth/invalid-credential": "wrong",
  "auth/wrong-password": "wrong",
  "auth/user-not-found": "wrong",
};

/** @param props.ended the email of the user whose session has expired, if any */
export function SignIn({ ended }: { ended: string | null }) {
  const { t, spoken, speak } = useText();
  const words = t.signIn;
  const [isNew, setNew] = useState(false);
  const [email, setEmail] = useState(ended ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState<string | null>(ended === null ? null : words.ended);

  async function attempt(work: () => Promise<unknown>) {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    setSaid(null);
    try {
      await work();
    } catch (error) {
      setProblem(REASONS[(error as { code?: string }).code ?? ""] ?? "other");
    } finally {
      setBusy(false);
    }
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isNew && password.length < 8) return setProblem("weak");
    void attempt(() => (isNew ? signUp(email.trim(), password) : signIn(email.trim(), password)));
  };
  const switchForm = () => {
    setNew(!isNew);
    setProblem(null); // it was about the other form
    setSaid(null);
  };
  const local = !!bank().config.emulators;
  const google = () =>
    local && !email ? setSaid(words.emailFirst) : void attempt(() => signInWithGoogle(email.trim()));
  const forgot = () =>
    email
      ? void attempt(async () => {
          await resetPassword(email.trim());
          setSaid(words.resetSent(email.trim()));
        })
      : setSaid(words.emailFirst);

  return (
    <div className="sign-in">
      <aside>
        <p className="brand">
          <img src="/icon.svg" alt="" width="32" height="32" /> {t.app}
        </p>
        <p className="lead">{words.lead}</p>
        <ul>
          {words.points.map((point) => (
            <li key={point}>
              <Check aria-hidden /> {point}
            </li>
          ))}
        </ul>
      </aside>
      <main>
        <form onSubmit={submit} noValidate={false}>
          <h1>{isNew ? words.titleNew : words.title}</h1>
          <div aria-live="polite">
            {said && <p className="note info">{said}</p>}
            {problem && <p className="note bad">{words.errors[problem]}</p>}
          </div>
          <Field label={words.email}>
            {(id) => (
              <input
                id={id}
                type="email"
                autoComplete="email"
                required
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
          <Field label={words.password} hint={isNew ? words.passwordHint : undefined}>
            {(id, hint) => (
              <input
                id={id}
                aria-describedby={hint}
                type="password"
                autoComplete={isNew ? "new-password" : "current-password"}
                required
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            )}
          </Field>
          <Button type="submit" look="main" busy={busy}>
            {isNew ? words.submitNew : words.submit}
          </Button>
          <p className="divider">
            <span>{words.or}</span>
          </p>
          <Button onClick={google} disabled={busy} icon={<GoogleMark />}>
            {words.google}
          </Button>
          {local && <small className="soft">{words.localGoogle}</small>}
          <div className="sign-in-more">
            <button type="button" className="link" onClick={switchForm}>
              {isNew ? words.toOld : words.toNew}
            </button>
            {!isNew && (
              <button type="button" className="link" onClick={forgot}>
                {words.forgot}
              </button>
            )}
          </div>
        </form>
        <select
          className="language"
          aria-label={t.settings.language}
          value={spoken}
          onChange={(event) => void speak(event.target.value as Language)}
        >
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      </main>
    </div>
  );
}

function GoogleMark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path
        fill="#4285f4"
        d="M22.5 12.3c0-.8-.1-1.5-.2-2.3H12v4.3h5.9a5 5 0 0 1-2.2 3.3v2.8h3.6c2-1.9 3.2-4.7 3.2-8.1z"
      />
      <path
        fill="#34a853"
        d="M12 23c3 0 5.5-1 7.300-2.700l-3.600-2.800c-1 .7-2.200 1.100-3.700 1.100-2.900 0-5.300-1.900-6.200-4.500H2.100v2.800A11 11 0 0 0 12 23z"
      />
      <path fill="#fbbc05" d="M5.800 14.100a6.600 6.600 0 0 1 0-4.200V7.100H2.100a11 11 0 0 0 0 9.800z" />
      <path
        fill="#ea4335"
        d="M12 5.400c1.600 0 3.100.6 4.200 1.600l3.200-3.100A11 11 0 0 0 2.100 7.100l3.700 2.800C6.700 7.300 9.100 5.400 12 5.400z"
      />
    </svg>
  );
}
