import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { api, isProblem, unwrap } from '@/api/client';
import { Button, LinkButton } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { Skeleton } from '@/components/QueryPanel';
import { Fig } from '@/components/Sheet';
import { Moment } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { money } from '@/format/money';
import { askGateAgain, useGate, useGateEvents, useRole } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { viewOf, type Order } from '@/payment/order';
import { usePlanName } from '@/plans/plans-query';
import { usePaymentWatch } from '@/payment/use-payment-watch';
import { billingTexts } from '@/texts/billing';
import { common } from '@/texts/common';
import { planTexts } from '@/texts/plans';
import './payment.css';

const texts = billingTexts.order;

function Facts({ order }: { order: Order }) {
  const plan = usePlanName(order.plan);
  return (
    <dl className="facts">
      <dt>{texts.id}</dt>
      <dd className="code breakable">{order.order_id}</dd>
      <dt>{texts.amount}</dt>
      <dd className="number">{money(order.amount, order.currency)}</dd>
      <dt>{texts.plan}</dt>
      <dd>
        {plan}, {order.cycle === 'yearly' ? planTexts.yearly.toLowerCase() : planTexts.monthly.toLowerCase()}
      </dd>
      {order.autopay && (
        <>
          <dt>{texts.renewal}</dt>
          <dd>{texts.byMandate}</dd>
        </>
      )}
      {viewOf(order) === 'pending' && (
        <>
          <dt>{texts.ends}</dt>
          <dd>
            <Moment at={order.expires_at} />
          </dd>
        </>
      )}
    </dl>
  );
}

/** Waiting is a page of its own: it says what happens, what cannot happen, and what may be done meanwhile. */
function Pending({ order, phase, error, checkAgain }: { order: Order; phase: string; error: unknown; checkAgain: () => Promise<void> }) {
  const { canManage } = useRole();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [checked, setChecked] = useState<string>();
  const path = { order_id: order.order_id };
  const check = useSubmit(async () => {
    try {
      await unwrap(api.payments.POST('/api/payments/v2/orders/{order_id}/check', { params: { path } }));
      setChecked(texts.checking);
    } catch (failure) {
      // Asked a moment ago by somebody else, or by the schedule: as good as asking.
      if (!isProblem(failure, 'PAY-0005')) throw failure;
      setChecked(texts.checkLater);
    }
    await checkAgain();
  });
  const abandon = useSubmit(async () => {
    await unwrap(api.payments.POST('/api/payments/v2/orders/{order_id}/abandon', { params: { path } }));
    await askGateAgain(client);
    void navigate('/onboarding/plans');
  });
  return (
    <>
      {phase === 'watching' && <div className="sounding" aria-hidden="true" />}
      <Notice>
        <p>
          <strong>{texts.once}</strong>
        </p>
        <p>{texts.leave}</p>
      </Notice>
      {phase === 'interrupted' && <ErrorNotice error={error} />}
      {phase === 'interrupted' && <p>{texts.interrupted}</p>}
      {phase === 'overdue' && (
        <Notice kind="warning">
          <p>{texts.overdue}</p>
        </Notice>
      )}
      {check.error !== undefined && <ErrorNotice error={check.error} />}
      {abandon.error !== undefined && <ErrorNotice error={abandon.error} />}
      <div className="row">
        {order.redirect_url && (
          <a className="button" href={order.redirect_url}>
            {texts.toProvider}
          </a>
        )}
        <Button busy={check.busy} onClick={() => void check.run()}>
          {texts.check}
        </Button>
        {canManage && (
          <Button kind="quiet" onClick={() => setAsking(true)}>
            {texts.abandon}
          </Button>
        )}
      </div>
      {checked !== undefined && (
        <p className="muted" role="status">
          {checked}
        </p>
      )}
      <ConfirmDialog
        open={asking}
        title={texts.abandonTitle}
        text={<p>{texts.abandonText}</p>}
        confirm={texts.abandon}
        danger
        busy={abandon.busy}
        onClose={() => setAsking(false)}
        onConfirm={() => void abandon.run().finally(() => setAsking(false))}
      />
    </>
  );
}

function Paid() {
  const gate = useGate();
  const client = useQueryClient();
  const open = gate.next !== 'choose_plan' && gate.next !== 'payment_pending';
  useEffect(() => {
    // The stream tells of the unlock; until it does the question is asked anew.
    if (open) return;
    const timer = setInterval(() => void askGateAgain(client), 2_000);
    return () => clearInterval(timer);
  }, [open, client]);
  if (!open) {
    return (
      <p className="row" role="status">
        <span className="spinner" aria-hidden="true" /> {texts.unlocking}
      </p>
    );
  }
  return (
    <div>
      <LinkButton kind="primary" to={gate.path}>
        {gate.next === 'app' ? texts.toApp : texts.begin}
      </LinkButton>
    </div>
  );
}

function OrderPage({ id }: { id: string }) {
  const { order, phase, error, checkAgain } = usePaymentWatch(id);
  useGateEvents();
  const view = order ? viewOf(order) : undefined;
  const client = useQueryClient();
  useEffect(() => {
    if (view === undefined) return;
    announce(texts.title[view], view === 'pending' ? 'polite' : 'assertive');
    void askGateAgain(client);
  }, [view, client]);

  if (order === undefined || view === undefined) {
    return (
      <Page title={texts.title.pending} className="middle">
        {phase === 'interrupted' ? (
          <ErrorNotice error={error} byCode={texts.errors} onRetry={() => void checkAgain()} />
        ) : (
          <div className="sheet">
            <p className="muted">{texts.asking}</p>
            <Skeleton lines={3} />
          </div>
        )}
      </Page>
    );
  }
  return (
    <Page title={texts.title[view]} lead={<p>{texts.lead[view]}</p>} className="middle">
      <div className="sheet ticks stack-24">
        <Fig>
          {texts.id} {order.order_id.slice(-6)}
        </Fig>
        {order.failure && (
          <Notice kind="error">
            <p>{texts.failure(order.failure)}</p>
          </Notice>
        )}
        <Facts order={order} />
        {view === 'pending' && <Pending order={order} phase={phase} error={error} checkAgain={checkAgain} />}
        {view === 'paid' && <Paid />}
        {(view === 'failed' || view === 'expired') && (
          <div className="row">
            <LinkButton kind="primary" to={`/onboarding/payment/new?${new URLSearchParams({ plan: order.plan, cycle: order.cycle })}`}>
              {texts.again}
            </LinkButton>
            <LinkButton to="/onboarding/plans">{texts.toPlans}</LinkButton>
          </div>
        )}
        {(view === 'refunded' || view === 'held' || view === 'unknown') && (
          <div className="row">
            <LinkButton to="/onboarding/plans">{texts.toPlans}</LinkButton>
            <LinkButton kind="quiet" to="/support">
              {common.support}
            </LinkButton>
          </div>
        )}
      </div>
    </Page>
  );
}

/** The page of an order: named in the address, brought back by the provider (`?order=`), or the one that is open. */
export default function Payment() {
  const { orderId } = useParams();
  const [parameters] = useSearchParams();
  const gate = useGate();
  const [open] = useState(gate.open_order?.id);
  const id = orderId ?? parameters.get('order') ?? open ?? gate.open_order?.id;
  if (id === undefined) {
    return (
      <Page title={texts.none} className="middle">
        <LinkButton kind="primary" to="/onboarding/plans">
          {texts.toPlans}
        </LinkButton>
      </Page>
    );
  }
  return <OrderPage key={id} id={id} />;
}
