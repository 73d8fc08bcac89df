import { CloudOff } from "lucide-react";
import type { BankError } from "../bank";
import { useText } from "../text/language";
import { Button, Empty } from "./basics";
import { words } from "./useAction";

/** An error in place of data that could not be loaded. */
export function LoadFailed({ error, alone = false }: { error: BankError | null; alone?: boolean }) {
  const { t } = useText();
  return (
    <Empty icon={<CloudOff aria-hidden />} title={t.failedToLoad} alone={alone}>
      {error && <p role="alert">{words(error, t)}</p>}
      <Button look="main" onClick={() => location.reload()}>
        {t.tryAgain}
      </Button>
    </Empty>
  );
}
