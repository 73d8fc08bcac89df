import { useText } from "../text/language";
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
