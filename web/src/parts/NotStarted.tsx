import { type Language, useText } from "../text/language";
import { Button, Empty } from "./basics";

/** An error in place of the app, if its configuration cannot be loaded. */
export function NotStarted() {
  const { t } = useText();
  return (
    <main>
      <Empty icon="!" title={t.failedToLoad} alone>
        <p role="alert">{navigator.onLine ? t.errors.store_unavailable : t.errors.offline}</p>
        <Button look="main" onClick={() => location.reload()}>
          {t.tryAgain}
        </Button>
      </Empty>
    </main>
  );
}

const SPEECHLESS: Record<Language, [string, string]> = {
  en: ["This page could not be loaded.", "Try again"],
  es: ["No se pudo cargar la página.", "Intentar de nuevo"],
  fr: ["Cette page n’a pas pu être chargée.", "Réessayer"],
  de: ["Diese Seite konnte nicht geladen werden.", "Erneut versuchen"],
};

/** An error in place of the app, if even its texts cannot be loaded. */
export function Speechless({ language }: { language: Language }) {
  const [title, again] = SPEECHLESS[language];
  return (
    <main lang={language}>
      <Empty icon="!" title={title} alone>
        <Button look="main" onClick={() => location.reload()}>
          {again}
        </Button>
      </Empty>
    </main>
  );
}
