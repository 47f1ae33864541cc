import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { api, isProblem, newIdempotencyKey, unwrap } from '@/api/client';
import { Button } from '@/components/Button';
import { Checkbox } from '@/components/Field';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { QueryPanel } from '@/components/QueryPanel';
import { Fig } from '@/components/Sheet';
import { useSubmit } from '@/components/use-submit';
import { money } from '@/format/money';
import { useRole } from '@/gate/gate-query';
import { isCycle, plansQuery, type Cycle, type Plan } from '@/plans/plans-query';
import { forgetPlan } from '@/plans/wanted-plan';
import { billingTexts } from '@/texts/billing';
import { common } from '@/texts/common';
import { planTexts } from '@/texts/plans';

const texts = billingTexts.summary;

function openOrderOf(body: Record<string, unknown>): string | undefined {
  const { order } = body;
  if (typeof order !== 'object' || order === null || !('order_id' in order)) return undefined;
  return typeof order.order_id === 'string' ? order.order_id : undefined;
}

function Pay({ plan, cycle }: { plan: Plan; cycle: Cycle }) {
  const navigate = useNavigate();
  const { canManage } = useRole();
  const [autopay, setAutopay] = useState(false);
  // One key for as long as the choice is the same: pressing twice, or again after an error, makes one order.
  const key = useRef({ choice: '', value: '' });
  const price = plan[cycle];
  const pay = useSubmit(async () => {
    const choice = `${plan.code} ${cycle} ${autopay}`;
    if (key.current.choice !== choice) key.current = { choice, value: newIdempotencyKey() };
    try {
      const order = await unwrap(
        api.payments.POST('/api/payments/v2/initiate', {
          params: { header: { 'Idempotency-Key': key.current.value } },
          body: { plan: plan.code, cycle, ...(autopay && { autopay }) },
        }),
      );
      forgetPlan();
      if (order.redirect_url) {
        // The way back to this order, should the person press Back on the provider's page.
        history.replaceState(null, '', `/onboarding/payment/${order.order_id}`);
        location.assign(order.redirect_url);
      } else {
        void navigate(`/onboarding/payment/${order.order_id}`);
      }
    } catch (error) {
      const open = isProblem(error, 'PAY-0002') ? openOrderOf(error.body) : undefined;
      if (open === undefined) {
        // A refusal is final for its key; only an answer that never came is asked for again with the same one.
        if (isProblem(error, 'PAY-0010')) key.current = { choice: '', value: '' };
        throw error;
      }
      void navigate(`/onboarding/payment/${open}`);
    }
  }, texts.errors);
  return (
    <div className="sheet ticks stack-24">
      <Fig>{texts.order}</Fig>
      <dl className="facts">
        <dt>{texts.plan}</dt>
        <dd>{plan.name}</dd>
        <dt>{texts.cycle}</dt>
        <dd>{planTexts[cycle]}</dd>
        <dt>{texts.net}</dt>
        <dd className="number">{money(price.net, price.currency)}</dd>
        <dt>{texts.gst}</dt>
        <dd className="number">{money(price.gst, price.currency)}</dd>
        <dt>{texts.total}</dt>
        <dd className="number">
          <strong>{money(price.amount, price.currency)}</strong>
        </dd>
      </dl>
      {cycle === 'monthly' && (
        <Checkbox
          checked={autopay}
          onChange={(event) => setAutopay(event.target.checked)}
          label={
            <>
              {texts.autopay}
              <br />
              <span className="field-help">{texts.autopayHelp}</span>
            </>
          }
        />
      )}
      <p className="secondary">{texts.what}</p>
      {pay.error !== undefined && <ErrorNotice error={pay.error} byCode={texts.errors} />}
      {canManage ? (
        <Button kind="primary" busy={pay.busy} onClick={() => void pay.run()}>
          {texts.pay(money(price.amount, price.currency))}
        </Button>
      ) : (
        <Notice>
          <p>{billingTexts.plans.notAllowed}</p>
        </Notice>
      )}
    </div>
  );
}

export default function Summary() {
  const [parameters] = useSearchParams();
  const plans = useQuery(plansQuery);
  const code = parameters.get('plan');
  const cycle = parameters.get('cycle');
  return (
    <Page title={texts.title} className="middle">
      <div className="stack-24">
        <QueryPanel query={plans} empty={<p>{common.errors.unavailable}</p>}>
          {(list) => {
            const plan = list.find((one) => one.code === code);
            if (plan === undefined) return <Notice kind="warning">{<p>{texts.noPlan}</p>}</Notice>;
            return <Pay plan={plan} cycle={isCycle(cycle) ? cycle : 'monthly'} />;
          }}
        </QueryPanel>
        <p>
          <Link to="/onboarding/plans">{texts.other}</Link>
        </p>
      </div>
    </Page>
  );
}
