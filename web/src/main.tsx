import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { startBank } from "./bank/session";
import { NotStarted, Speechless } from "./parts/NotStarted";
import { LanguageProvider, loadTexts, preferredLanguage } from "./text/language";
import "./app.css";

const language = preferredLanguage();
// Without its configuration the app cannot work, but it can show an error.
const started = startBank().then(
  () => true,
  () => false,
);
const [texts, isStarted] = await Promise.all([loadTexts(language).catch(() => null), started]);
createRoot(document.getElementById("root") ?? document.body).render(
  <StrictMode>
    {texts ? (
      <LanguageProvider language={language} texts={texts}>
        {isStarted ? <App /> : <NotStarted />}
      </LanguageProvider>
    ) : (
      <Speechless language={language} />
    )}
  </StrictMode>,
);
