/** What a plan allows, in words. Used on the price list, while choosing and in the settings. */
export const planTexts = {
  monthly: 'Monthly',
  yearly: 'Yearly',
  cycle: 'Billing cycle',
  perMonth: 'a month',
  perYear: 'a year',
  gst: (net: string, gst: string) => `${net} + ${gst} GST`,
  seats: (seats: number | null | undefined) => (seats ? (seats === 1 ? '1 seat' : `${seats} seats`) : 'Unlimited seats'),
  campaigns: (count: number | null | undefined) => (count ? `${count} campaigns` : 'Unlimited campaigns'),
  moves: (count: number | null | undefined) => (count ? `${count} moves a week` : 'Unlimited moves'),
  api: 'API access',
  audit: 'Audit log export',
  saving: (amount: string) => `Saves ${amount} a year`,
};
