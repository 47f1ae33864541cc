import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { LinkButton } from '@/components/Button';
import { Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { QueryPanel } from '@/components/QueryPanel';
import { money } from '@/format/money';
import { useGate, useRole } from '@/gate/gate-query';
import { CycleChoice, PlanList } from '@/plans/PlanList';
import { plansQuery, usePlanName, type Cycle } from '@/plans/plans-query';
import { wantedPlan } from '@/plans/wanted-plan';
import { billingTexts } from '@/texts/billing';
import { common } from '@/texts/common';
import { publicTexts } from '@/texts/public';

const texts = billingTexts.plans;

export default function Plans() {
  const gate = useGate();
  const { canManage } = useRole();
  const plans = useQuery(plansQuery);
  const [wanted] = useState(wantedPlan);
  const [cycle, setCycle] = useState<Cycle>(wanted?.cycle ?? 'monthly');
  const { open_order: open, subscription } = gate;
  const presentName = usePlanName(subscription?.plan);
  const present = subscription?.entitled ? presentName : undefined;
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>}>
      <div className="stack-32">
        {open && (
          <Notice kind="warning" title={texts.openTitle}>
            <p>{texts.open(money(open.amount))}</p>
            <div>
              <LinkButton to={`/onboarding/payment/${open.id}`}>{texts.toOrder}</LinkButton>
            </div>
          </Notice>
        )}
        {present !== undefined && (
          <Notice kind="success" title={texts.haveTitle(present)}>
            <p>{texts.have}</p>
            <div>
              <LinkButton to="/settings/billing">{texts.toBilling}</LinkButton>
            </div>
          </Notice>
        )}
        {!canManage && (
          <Notice>
            <p>{texts.notAllowed}</p>
          </Notice>
        )}
        <div className="row">
          <CycleChoice cycle={cycle} onChange={setCycle} />
          <p className="muted">{publicTexts.pricing.yearlyHint}</p>
        </div>
        <QueryPanel query={plans} lines={8} isEmpty={(list) => list.length === 0} empty={<p>{common.errors.unavailable}</p>}>
          {(list) => (
            <PlanList
              plans={list}
              cycle={cycle}
              selected={wanted?.plan}
              // One primary action on the page: what was wanted, else the plan in the middle.
              action={(plan, index) =>
                canManage && (
                  <LinkButton
                    kind={(wanted ? plan.code === wanted.plan : index === Math.floor(list.length / 2)) ? 'primary' : 'secondary'}
                    to={`/onboarding/payment/new?${new URLSearchParams({ plan: plan.code, cycle })}`}
                  >
                    {texts.choose(plan.name)}
                  </LinkButton>
                )
              }
            />
          )}
        </QueryPanel>
      </div>
    </Page>
  );
}
