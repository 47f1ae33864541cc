import { onboardingTexts } from '@/texts/onboarding';

const OFTEN = ['INR', 'USD', 'EUR', 'GBP', 'AED', 'SGD', 'AUD', 'CAD', 'JPY'];
/** Shared currencies begin with X as metals and test codes do. */
const SHARED = new Set(['XAF', 'XCD', 'XOF', 'XPF']);

const ALL: string[] =
  'supportedValuesOf' in Intl ? Intl.supportedValuesOf('currency').filter((code) => !code.startsWith('X') || SHARED.has(code)) : OFTEN;

const names = new Intl.DisplayNames(['en'], { type: 'currency' });

function Option({ code }: { code: string }) {
  return (
    <option value={code}>
      {code} – {names.of(code)}
    </option>
  );
}

export function CurrencyOptions() {
  return (
    <>
      <optgroup label={onboardingTexts.step.usualCurrencies}>
        {OFTEN.map((code) => (
          <Option key={code} code={code} />
        ))}
      </optgroup>
      <optgroup label={onboardingTexts.step.allCurrencies}>
        {ALL.filter((code) => !OFTEN.includes(code)).map((code) => (
          <Option key={code} code={code} />
        ))}
      </optgroup>
    </>
  );
}
