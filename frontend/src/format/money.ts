/** Digits behind the point, where a currency does not have two. */
function digitsOf(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** `500000 INR` as `₹5,000`; the paise are shown when there are any. */
export function money(minor: number, currency = 'INR'): string {
  const digits = digitsOf(currency);
  const whole = minor % 10 ** digits === 0;
  return new Intl.NumberFormat(currency === 'INR' ? 'en-IN' : 'en', {
    style: 'currency',
    currency,
    minimumFractionDigits: whole ? 0 : digits,
    maximumFractionDigits: whole ? 0 : digits,
  }).format(minor / 10 ** digits);
}

/** What a person typed as an amount, in minor units; nothing for what is no amount. `1,234.5` is 123450 paise. */
export function toMinor(typed: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  const plain = typed.replaceAll(/[\s,_]/g, '');
  if (!/^\d+(\.\d+)?$/.test(plain)) return undefined;
  const [whole = '0', fraction = ''] = plain.split('.');
  if (fraction.length > digits) return undefined;
  const minor = Number(whole + fraction.padEnd(digits, '0'));
  return Number.isSafeInteger(minor) ? minor : undefined;
}

/** The reverse: what stands in the field. */
export function fromMinor(minor: number, currency: string): string {
  const digits = digitsOf(currency);
  if (digits === 0) return String(minor);
  const text = String(minor).padStart(digits + 1, '0');
  const fraction = text.slice(-digits);
  return /^0+$/.test(fraction) ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
