import type { ReactNode } from 'react';
import { money } from '@/format/money';
import { planTexts } from '@/texts/plans';
import { CYCLES, type Cycle, type Plan } from './plans-query';
import './plans.css';

export function CycleChoice({ cycle, onChange }: { cycle: Cycle; onChange: (cycle: Cycle) => void }) {
  return (
    <fieldset className="segments">
      <legend className="hidden-visually">{planTexts.cycle}</legend>
      {CYCLES.map((name) => (
        <label key={name} className="segment">
          <input type="radio" name="cycle" value={name} checked={cycle === name} onChange={() => onChange(name)} />
          {planTexts[name]}
        </label>
      ))}
    </fieldset>
  );
}

export function allowances({ entitlements }: Plan): string[] {
  const { seats, campaigns, moves_per_week, api_access, audit_export } = entitlements;
  return [
    planTexts.seats(seats),
    planTexts.campaigns(campaigns),
    planTexts.moves(moves_per_week),
    ...(api_access ? [planTexts.api] : []),
    ...(audit_export ? [planTexts.audit] : []),
  ];
}

interface PlanListProps {
  plans: Plan[];
  cycle: Cycle;
  /** What can be done with a plan: a button or link. */
  action: (plan: Plan, index: number) => ReactNode;
  selected?: string | undefined;
}

export function PlanList({ plans, cycle, action, selected }: PlanListProps) {
  return (
    <ul className="plans">
      {plans.map((plan, index) => {
        const price = plan[cycle];
        const saved = plan.monthly.amount * 12 - plan.yearly.amount;
        return (
          <li key={plan.code} className="plan-card sheet" data-selected={plan.code === selected || undefined}>
            <p className="fig fig-plain">P-{String(index + 1).padStart(2, '0')}</p>
            <h2>{plan.name}</h2>
            <p className="plan-price">
              <span>{money(price.amount, price.currency)}</span> <span className="muted">{cycle === 'monthly' ? planTexts.perMonth : planTexts.perYear}</span>
            </p>
            <p className="muted small">
              {planTexts.gst(money(price.net, price.currency), money(price.gst, price.currency))}
              {cycle === 'yearly' && saved > 0 && (
                <>
                  <br />
                  {planTexts.saving(money(saved, price.currency))}
                </>
              )}
            </p>
            <ul className="plan-allows">
              {allowances(plan).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            <div className="plan-action">{action(plan, index)}</div>
          </li>
        );
      })}
    </ul>
  );
}
