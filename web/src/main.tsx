import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { startBank } from "./bank/session";
import { LanguageProvider, loadTexts, preferredLanguage } from "./text/language";
import "./app.css";

const language = preferredLanguage();
const [texts] = await Promise.all([loadTexts(language), startBank()]);
createRoot(document.getElementById("root") ?? document.body).render(
  <StrictMode>
    <LanguageProvider language={language} texts={texts}>
      <App />
    </LanguageProvider>
  </StrictMode>,
);
