/** What the app says about a bank's outage. Few users ever need it, so it is loaded with the note itself. */
import type { Language } from "./language";

interface OutageTexts {
  /** A time of today, or another moment, as `messages` continue with it. */
  today(time: string): string;
  earlier(moment: string): string;
  messages: Record<string, (bank: string, since: string) => string>;
  warnTitle(bank: string): string;
  warnBody: string;
  tryAnyway: string;
  later: string;
}

export const OUTAGE: Record<Language, OutageTexts> = {
  en: {
    today: (time) => time,
    earlier: (moment) => moment,
    messages: {
      bank_late: (bank) => `Data from ${bank} may be late. There is nothing for you to do.`,
      bank_data_down: (bank, since) =>
        `${bank} has not sent data since ${since}. There is nothing for you to do. We check every few minutes.`,
      bank_login_down: (bank, since) =>
        `Logging in at ${bank} has not worked since ${since}. Your data still arrives. We check every few minutes.`,
      bank_down: (bank, since) =>
        `${bank} has been down since ${since}. There is nothing for you to do. We check every few minutes.`,
      bank_recovering: (bank) => `${bank} works again. Your data is catching up.`,
    },
    warnTitle: (bank) => `${bank} is having problems`,
    warnBody: "If you log in now, it will probably fail. Try again later: your data and your notes stay as they are.",
    tryAnyway: "Try anyway",
    later: "Not now",
  },
  es: {
    today: (time) => (/^1:/.test(time) ? `la ${time}` : `las ${time}`),
    earlier: (moment) => `el ${moment}`,
    messages: {
      bank_late: (bank) => `Los datos de ${bank} pueden llegar tarde. No tienes que hacer nada.`,
      bank_data_down: (bank, since) =>
        `${bank} no envía datos desde ${since}. No tienes que hacer nada. Lo comprobamos cada pocos minutos.`,
      bank_login_down: (bank, since) =>
        `No se puede iniciar sesión en ${bank} desde ${since}. Tus datos siguen llegando. Lo comprobamos cada pocos minutos.`,
      bank_down: (bank, since) =>
        `${bank} no funciona desde ${since}. No tienes que hacer nada. Lo comprobamos cada pocos minutos.`,
      bank_recovering: (bank) => `${bank} vuelve a funcionar. Tus datos se están poniendo al día.`,
    },
    warnTitle: (bank) => `${bank} tiene problemas`,
    warnBody:
      "Si inicias sesión ahora, probablemente no funcionará. Inténtalo más tarde: tus datos y tus notas se quedan como están.",
    tryAnyway: "Intentarlo igualmente",
    later: "Ahora no",
  },
  fr: {
    today: (time) => time,
    earlier: (moment) => `le ${moment}`,
    messages: {
      bank_late: (bank) => `Les données de ${bank} peuvent arriver en retard. Vous n’avez rien à faire.`,
      bank_data_down: (bank, since) =>
        `${bank} n’envoie plus de données depuis ${since}. Vous n’avez rien à faire. Nous vérifions toutes les quelques minutes.`,
      bank_login_down: (bank, since) =>
        `La connexion à ${bank} ne fonctionne plus depuis ${since}. Vos données arrivent toujours. Nous vérifions toutes les quelques minutes.`,
      bank_down: (bank, since) =>
        `${bank} est en panne depuis ${since}. Vous n’avez rien à faire. Nous vérifions toutes les quelques minutes.`,
      bank_recovering: (bank) => `${bank} fonctionne à nouveau. Vos données se mettent à jour.`,
    },
    warnTitle: (bank) => `${bank} rencontre des problèmes`,
    warnBody:
      "Si vous vous connectez maintenant, cela échouera probablement. Réessayez plus tard\u00a0: vos données et vos notes ne changent pas.",
    tryAnyway: "Essayer quand même",
    later: "Pas maintenant",
  },
  de: {
    today: (time) => `${time} Uhr`,
    earlier: (moment) => `dem ${moment}`,
    messages: {
      bank_late: (bank) => `Daten von ${bank} kommen möglicherweise später. Sie müssen nichts tun.`,
      bank_data_down: (bank, since) =>
        `${bank} sendet seit ${since} keine Daten. Sie müssen nichts tun. Wir prüfen es alle paar Minuten.`,
      bank_login_down: (bank, since) =>
        `Die Anmeldung bei ${bank} funktioniert seit ${since} nicht. Ihre Daten kommen weiterhin an. Wir prüfen es alle paar Minuten.`,
      bank_down: (bank, since) =>
        `${bank} ist seit ${since} gestört. Sie müssen nichts tun. Wir prüfen es alle paar Minuten.`,
      bank_recovering: (bank) => `${bank} funktioniert wieder. Ihre Daten werden gerade nachgeholt.`,
    },
    warnTitle: (bank) => `${bank} hat gerade Probleme`,
    warnBody:
      "Eine Anmeldung schlägt jetzt wahrscheinlich fehl. Versuchen Sie es später: Ihre Daten und Notizen bleiben, wie sie sind.",
    tryAnyway: "Trotzdem versuchen",
    later: "Nicht jetzt",
  },
};
