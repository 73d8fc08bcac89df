import { type InstitutionHealth, useConnections, useInstitution } from "../bank";
import { useText } from "../text/language";
import { Button, useNow } from "./basics";
import Dialog from "./Dialog";
import { outageText } from "./OutageNote";

/** Warns before Link opens that a login at the bank would probably fail. */
export default function OutageWarning(props: { health: InstitutionHealth; onAnswer(goOn: boolean): void }) {
  const { health, onAnswer } = props;
  const { t, language } = useText();
  const { institution_id } = health;
  const known = useConnections().rows.find((one) => one.institution_id === institution_id)?.institution_name;
  const bank = useInstitution(known ? null : institution_id)?.name ?? known ?? t.yourBank;
  return (
    <Dialog title={t.outage.warnTitle(bank)} onClose={() => onAnswer(false)}>
      <p>{outageText(health, bank, useNow(), t, language)}</p>
      <p>{t.outage.warnBody}</p>
      <footer>
        <Button onClick={() => onAnswer(true)}>{t.outage.tryAnyway}</Button>
        <Button look="main" onClick={() => onAnswer(false)}>
          {t.outage.later}
        </Button>
      </footer>
    </Dialog>
  );
}
