import { type InstitutionHealth, useConnections, useInstitution } from "../bank";
import { useText } from "../text/language";
import { OUTAGE } from "../text/outage";
import { Button, useNow } from "./basics";
import Dialog from "./Dialog";
import { useOutageText } from "./OutageNote";

/** Warns before Link opens that a login at the bank would probably fail. */
export default function OutageWarning(props: { health: InstitutionHealth; onAnswer(goOn: boolean): void }) {
  const { health, onAnswer } = props;
  const { t, spoken } = useText();
  const texts = OUTAGE[spoken];
  const { institution_id } = health;
  const known = useConnections().rows.find((one) => one.institution_id === institution_id)?.institution_name;
  const bank = useInstitution(known ? null : institution_id)?.name ?? known ?? t.yourBank;
  return (
    <Dialog title={texts.warnTitle(bank)} onClose={() => onAnswer(false)}>
      <p>{useOutageText(health, bank, useNow())}</p>
      <p>{texts.warnBody}</p>
      <footer>
        <Button onClick={() => onAnswer(true)}>{texts.tryAnyway}</Button>
        <Button look="main" onClick={() => onAnswer(false)}>
          {texts.later}
        </Button>
      </footer>
    </Dialog>
  );
}
