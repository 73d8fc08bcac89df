import { type Language, useText } from "../text/language";
import { Button, Empty } from "./basics";

/** Instead of the app, when what it needs to start cannot be read. */
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
};

/** Instead of that, when not even the words for it came. */
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
