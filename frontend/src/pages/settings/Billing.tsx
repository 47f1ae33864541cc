import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, download, isProblem, unwrap } from '@/api/client';
import type { components } from '@/api/generated/payments';
import { saveFile } from '@/bcm/save-file';
import { Button, LinkButton } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { Select, TextArea, TextField } from '@/components/Field';
import { Form, text } from '@/components/Form';
import { ErrorNotice, Notice } from '@/components/Notice';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet, WideTable } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { Day } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { money } from '@/format/money';
import { askGateAgain, useGate, useRole, useWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { CYCLES, isCycle, plansQuery } from '@/plans/plans-query';
import { appTexts } from '@/texts/app';
import { planTexts } from '@/texts/plans';
import { STATES } from './states';

const texts = appTexts.settings.billing;
type SubscriptionBody = components['schemas']['SubscriptionBody'];

const subscriptionKey = (workspace: string) => ['subscription', workspace];

function Subscription({ subscription }: { subscription: SubscriptionBody }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const plans = useQuery(plansQuery);
  const [canceling, setCanceling] = useState(false);
  const nameOf = (code: string) => plans.data?.find((plan) => plan.code === code)?.name ?? code;
  const take = async (changed: SubscriptionBody, words: string) => {
    client.setQueryData(subscriptionKey(workspace.id), changed);
    announce(words);
    await askGateAgain(client);
  };
  const cancel = useSubmit(async () => {
    await take(await unwrap(api.payments.POST('/api/payments/v2/subscription/cancel', { body: { at: 'period_end' } })), texts.canceled);
  }, texts.errors);
  const keep = useSubmit(async () => {
    await take(await unwrap(api.payments.POST('/api/payments/v2/subscription/keep')), appTexts.settings.saved);
  }, texts.errors);
  const change = useSubmit(async (values: FormData) => {
    const plan = text(values, 'plan');
    const changed = await unwrap(api.payments.POST('/api/payments/v2/subscription/plan', { body: { plan, cycle: text(values, 'cycle') } }));
    await take(changed, texts.changed(nameOf(plan)));
  }, texts.errors);
  const { status, next } = subscription;
  const payFor = next ?? subscription;
  const cycleWord = (cycle: string) => (isCycle(cycle) ? planTexts[cycle] : cycle);
  return (
    <>
      <Sheet title={texts.subscription} aside={<Tag tone={subscription.entitled ? 'success' : 'warning'}>{appTexts.dashboard.planStates[status] ?? status}</Tag>}>
        <dl className="facts">
          <dt>{texts.plan}</dt>
          <dd>
            {nameOf(subscription.plan)}, {cycleWord(subscription.cycle).toLowerCase()}
          </dd>
          <dt>{texts.period}</dt>
          <dd>
            <Day at={subscription.period_start} /> – <Day at={subscription.period_end} />
          </dd>
          <dt>{texts.renewal}</dt>
          <dd>{subscription.autopay ? texts.byMandate : texts.byHand}</dd>
          {subscription.grace_end && (
            <>
              <dt>{appTexts.dashboard.grace}</dt>
              <dd>
                <Day at={subscription.grace_end} />
              </dd>
            </>
          )}
          {next && (
            <>
              <dt>{texts.next}</dt>
              <dd>
                {nameOf(next.plan)}, {cycleWord(next.cycle).toLowerCase()} {next.paid && <span className="muted">({texts.nextPaid})</span>}
              </dd>
            </>
          )}
        </dl>
        {cancel.error !== undefined && <ErrorNotice error={cancel.error} byCode={texts.errors} />}
        {keep.error !== undefined && <ErrorNotice error={keep.error} byCode={texts.errors} />}
        <div className="row">
          {subscription.payable && (
            <LinkButton kind="primary" to={`/onboarding/payment/new?${new URLSearchParams({ plan: payFor.plan, cycle: payFor.cycle })}`}>
              {subscription.entitled ? texts.payNext : texts.pay}
            </LinkButton>
          )}
          {status === 'canceled' && subscription.entitled && (
            <Button busy={keep.busy} onClick={() => void keep.run()}>
              {texts.keep}
            </Button>
          )}
          {(status === 'active' || status === 'trialing' || status === 'past_due') && (
            <Button kind="quiet" onClick={() => setCanceling(true)}>
              {texts.cancel}
            </Button>
          )}
        </div>
      </Sheet>
      {status === 'active' && (
        <Sheet title={texts.changeTitle}>
          <p className="secondary">{texts.changeText}</p>
          <QueryPanel query={plans}>
            {(list) => (
              <Form onSubmit={(values) => void change.run(values)} error={change.error} byCode={texts.errors}>
                <div className="grid-2">
                  <Select label={texts.plan} name="plan" defaultValue={payFor.plan}>
                    {list.map(({ code, name }) => (
                      <option key={code} value={code}>
                        {name}
                      </option>
                    ))}
                  </Select>
                  <Select label={texts.cycle} name="cycle" defaultValue={payFor.cycle}>
                    {CYCLES.map((cycle) => (
                      <option key={cycle} value={cycle}>
                        {planTexts[cycle]}
                      </option>
                    ))}
                  </Select>
                </div>
                <div>
                  <Button type="submit" busy={change.busy}>
                    {texts.change}
                  </Button>
                </div>
              </Form>
            )}
          </QueryPanel>
        </Sheet>
      )}
      <ConfirmDialog
        open={canceling}
        title={texts.cancelTitle}
        text={<p>{texts.cancelText}</p>}
        confirm={texts.cancel}
        danger
        busy={cancel.busy}
        onClose={() => setCanceling(false)}
        onConfirm={() => void cancel.run().finally(() => setCanceling(false))}
      />
    </>
  );
}

function Invoices() {
  const workspace = useWorkspace();
  const invoices = useQuery({
    queryKey: ['invoices', workspace.id],
    queryFn: async () => (await unwrap(api.payments.GET('/api/payments/v2/invoices'))).invoices,
  });
  const save = useSubmit(async (id: string, number: string) => {
    const { blob } = await download(`/api/payments/v2/invoices/${encodeURIComponent(id)}/pdf`);
    saveFile(blob, `${number.replaceAll('/', '-')}.pdf`);
  });
  return (
    <Sheet title={texts.invoices}>
      {save.error !== undefined && <ErrorNotice error={save.error} />}
      <QueryPanel query={invoices} isEmpty={(list) => list.length === 0} empty={<p className="secondary">{texts.invoicesNone}</p>}>
        {(list) => (
          <WideTable label={texts.invoices}>
              <thead>
                <tr>
                  <th scope="col">{texts.number}</th>
                  <th scope="col">{texts.kind}</th>
                  <th scope="col">{texts.date}</th>
                  <th scope="col" className="amount">
                    {texts.amount}
                  </th>
                  <th scope="col">
                    <span className="hidden-visually">{texts.pdf}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((invoice) => (
                  <tr key={invoice.invoice_id}>
                    <th scope="row" className="code">
                      {invoice.number}
                    </th>
                    <td>{texts.kinds[invoice.kind] ?? invoice.kind}</td>
                    <td>
                      <Day at={invoice.issued_at} />
                    </td>
                    <td className="amount">
                      {invoice.kind === 'credit_note' && '−'}
                      {money(invoice.amount, invoice.currency)}
                    </td>
                    <td>
                      <Button small aria-label={texts.pdfOf(invoice.number)} busy={save.busy} onClick={() => void save.run(invoice.invoice_id, invoice.number)}>
                        {texts.pdf}
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </WideTable>
        )}
      </QueryPanel>
    </Sheet>
  );
}

function Details() {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const key = ['billing-details', workspace.id];
  const details = useQuery({
    queryKey: key,
    queryFn: async () => {
      try {
        return await unwrap(api.payments.GET('/api/payments/v2/billing-details'));
      } catch (error) {
        // Nobody has said so yet.
        if (isProblem(error, 'GW-0002')) return null;
        throw error;
      }
    },
  });
  const save = useSubmit(async (values: FormData) => {
    const gstin = text(values, 'gstin');
    const state = text(values, 'state');
    const address = text(values, 'address').split('\n').map((line) => line.trim()).filter(Boolean);
    const kept = await unwrap(
      api.payments.PUT('/api/payments/v2/billing-details', {
        body: { legal_name: text(values, 'legal_name'), address, ...(gstin !== '' && { gstin }), ...(state !== '' && { state }) },
      }),
    );
    client.setQueryData(key, kept);
    announce(appTexts.settings.saved);
  });
  return (
    <Sheet title={texts.details}>
      <p className="secondary">{texts.detailsText}</p>
      <QueryPanel query={details}>
        {(kept) => (
          <Form onSubmit={(values) => void save.run(values)} error={save.error}>
            <TextField label={texts.legalName} name="legal_name" maxLength={120} required defaultValue={kept?.legal_name} autoComplete="organization" />
            <TextArea label={texts.address} name="address" rows={3} required defaultValue={kept?.address.join('\n')} autoComplete="street-address" />
            <div className="grid-2">
              <TextField label={texts.gstin} help={texts.gstinHelp} name="gstin" maxLength={15} optional defaultValue={kept?.gstin ?? ''} autoComplete="off" />
              <Select label={texts.state} name="state" defaultValue={kept?.state ?? ''}>
                <option value="" />
                {STATES.map(([code, name]) => (
                  <option key={code} value={code}>
                    {name}
                  </option>
                ))}
              </Select>
            </div>
            <div>
              <Button type="submit" busy={save.busy}>
                {texts.saveDetails}
              </Button>
            </div>
          </Form>
        )}
      </QueryPanel>
    </Sheet>
  );
}

export default function Billing() {
  const gate = useGate();
  const workspace = useWorkspace();
  const { canManage } = useRole();
  const subscription = useQuery({
    queryKey: subscriptionKey(workspace.id),
    queryFn: () => unwrap(api.payments.GET('/api/payments/v2/subscription')),
    enabled: Boolean(gate.subscription),
  });
  if (!canManage) return <Notice>{<p>{texts.onlyManagers}</p>}</Notice>;
  return (
    <div className="stack-24">
      {gate.subscription ? (
        <QueryPanel query={subscription} byCode={texts.errors}>
          {(data) => <Subscription subscription={data} />}
        </QueryPanel>
      ) : (
        <div className="sheet empty">
          <p>{texts.none}</p>
          <LinkButton kind="primary" to="/onboarding/plans">
            {texts.choose}
          </LinkButton>
        </div>
      )}
      <Invoices />
      <Details />
    </div>
  );
}
