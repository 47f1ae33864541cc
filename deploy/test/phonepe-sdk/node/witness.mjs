// PhonePe's Node SDK, as shipped, against the sandbox: what the SDK sends, the sandbox takes; what the sandbox sends, it reads.
// A process has one client and one token for good, so that each of the runs below is a process of its own.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BadRequest,
  ClientError,
  CreateSdkOrderRequest,
  Env,
  ExpectationFailed,
  ForbiddenAccess,
  MetaInfo,
  PhonePeException,
  RefundRequest,
  ServerError,
  StandardCheckoutClient,
  StandardCheckoutPayRequest,
  TooManyRequests,
  UnauthorizedAccess,
} from 'pg-sdk-node'

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set`)

const SANDBOX = need('SANDBOX_URL')
const ENVIRONMENT = need('WITNESS_ENVIRONMENT')
const CLIENT_ID = need('WITNESS_CLIENT_ID')
const CLIENT_SECRET = need('WITNESS_CLIENT_SECRET')
const USERNAME = need('WITNESS_USERNAME')
const PASSWORD = need('WITNESS_PASSWORD')
const RETURN_URL = 'https://shop.example/pay/return?o=1'
const AMOUNT = 49900
const FAILURES = { 400: BadRequest, 401: UnauthorizedAccess, 403: ForbiddenAccess, 429: TooManyRequests, 500: ServerError }
const PATIENCE_MS = 10_000

let passed = 0
let failed = 0

const check = async (title, work) => {
  try {
    await work()
    passed += 1
    console.log(`passed  ${title}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${title}: ${`${error.name} ${error.message}`.replace(/\s+/g, ' ')}`)
  }
}

/** The error of a call that the SDK must refuse with this class. */
const raises = async (kind, call) => {
  let outcome
  try {
    outcome = await call()
  } catch (error) {
    assert.equal(error.constructor, kind, `${error.constructor.name} ${error.message} instead of ${kind.name}`)
    return error
  }
  assert.fail(`nothing was raised instead of ${kind.name}: ${JSON.stringify(outcome)}`)
}

const control = async (method, path, body) => {
  const answer = await fetch(`${SANDBOX}/control${path}`, {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
}
const weather = (knobs = {}) => control('PUT', '/weather', knobs)
const end = (order, outcome, mode = 'upi') => control('POST', `/orders/${order}/pay`, { outcome, mode })
const step = (refund, name) => control('POST', `/refunds/${refund}`, { step: name })

const client = (secret = CLIENT_SECRET) => {
  // The last argument keeps the SDK from telling PhonePe what it does, which in production is the default.
  const environment = ENVIRONMENT === 'production' ? Env.PRODUCTION : Env.SANDBOX
  return StandardCheckoutClient.getInstance(CLIENT_ID, secret, 1, environment, false)
}

const request = (order, { amount = AMOUNT, redirectUrl = RETURN_URL, expireAfter, udf1, message } = {}) => {
  const builder = StandardCheckoutPayRequest.builder().merchantOrderId(order).amount(amount).redirectUrl(redirectUrl)
  builder.expireAfter(expireAfter).message(message)
  if (udf1) builder.metaInfo(MetaInfo.builder().udf1(udf1).build())
  return builder.build()
}

const wrongSecret = async () => {
  await check("a wrong secret is refused in the token endpoint's shape", async () => {
    const error = await raises(BadRequest, () => client('wrong').pay(request('wrong-secret')))
    assert.equal(error.code, 'OIM000')
    assert.deepEqual(error.data, { error_description: 'Client authentication failure' })
  })
}

const unknownAuthority = async () => {
  await check('a certificate of an unknown authority ends the connection', async () => {
    const refusal = await client()
      .getOrderStatus('unknown-authority')
      .catch((error) => error)
    assert.match(refusal.code, /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/)
  })
}

const everything = async () => {
  const received = []
  const merchant = createServer(async (incoming, answer) => {
    received.push({ authorization: incoming.headers.authorization, body: await text(incoming) })
    answer.end()
  })
  await new Promise((resolve) => merchant.listen(0, '127.0.0.1', resolve))
  await control('PUT', '/webhook-url', { url: `http://127.0.0.1:${merchant.address().port}/webhook` })
  const sdk = client()
  try {
    await tokens(sdk)
    await orders(sdk)
    await webhooks(sdk, received)
    await refunds(sdk, received)
    await failures(sdk)
    // Last, because it moves the sandbox's clock.
    await mandates(sdk, received)
  } finally {
    merchant.close()
    merchant.closeAllConnections()
  }
}

const tokens = async (sdk) => {
  await check('a revoked token is refused and the next one works', async () => {
    await sdk.pay(request('token-1'))
    await weather({ token_revoked: true })
    await raises(UnauthorizedAccess, () => sdk.pay(request('token-2')))
    assert.equal((await sdk.pay(request('token-2'))).state, 'PENDING')
    await weather()
  })
}

const orders = async (sdk) => {
  let created

  await check('an order is created', async () => {
    const before = Date.now()
    created = await sdk.pay(request('pay-1', { expireAfter: 1200, udf1: 'cust_42 ₹', message: 'Plan' }))
    assert.equal(created.state, 'PENDING')
    assert.match(created.orderId, /^OMO\d{22}$/)
    assert.ok(created.redirectUrl.startsWith(`${SANDBOX}/pay/`), created.redirectUrl)
    assert.ok(Math.abs(created.expireAt - before - 1_200_000) < 10_000, `expires at ${created.expireAt}`)
  })

  await check("an order for PhonePe's mobile SDK has a token", async () => {
    const body = CreateSdkOrderRequest.StandardCheckoutBuilder().merchantOrderId('sdk-1').amount(AMOUNT).redirectUrl(RETURN_URL).build()
    const { token, ...answer } = await sdk.createSdkOrder(body)
    assert.match(token, /^\w{32}$/)
    assert.equal(answer.state, 'PENDING')
    assert.equal((await sdk.getOrderStatus('sdk-1')).orderId, answer.orderId)
  })

  await check('an open order has no attempt', async () => {
    assert.deepEqual({ ...(await sdk.getOrderStatus('pay-1')) }, {
      orderId: created.orderId,
      state: 'PENDING',
      amount: AMOUNT,
      expireAt: created.expireAt,
      metaInfo: { udf1: 'cust_42 ₹' },
      paymentDetails: [],
    })
  })

  const ways = [
    ['UPI', 'upi', 'UPI_INTENT', 'UPI', 'ACCOUNT'],
    ['card', 'card', 'CARD', 'PG', 'CREDIT_CARD'],
  ]
  for (const [name, mode, paymentMode, rail, instrument] of ways) {
    await check(`an order paid by ${name} reads whole`, async () => {
      await sdk.pay(request(`paid-${mode}`))
      await end(`paid-${mode}`, 'success', mode)
      const status = await sdk.getOrderStatus(`paid-${mode}`, true)
      assert.deepEqual([status.state, status.payableAmount, status.feeAmount], ['COMPLETED', AMOUNT, 0])
      const [detail, ...others] = status.paymentDetails
      assert.deepEqual(others, [])
      assert.match(detail.transactionId, /^OM\d{22}$/)
      assert.deepEqual([detail.state, detail.amount, detail.paymentMode], ['COMPLETED', AMOUNT, paymentMode])
      assert.deepEqual([detail.rail.type, detail.instrument.type], [rail, instrument])
      assert.deepEqual(detail.splitInstruments, [{ amount: AMOUNT, rail: detail.rail, instrument: detail.instrument }])
    })
  }

  await check('a failed order tells its codes', async () => {
    await sdk.pay(request('failed-1'))
    await end('failed-1', 'fail')
    const status = await sdk.getOrderStatus('failed-1')
    assert.deepEqual([status.state, status.errorCode, status.detailedErrorCode], ['FAILED', 'AUTHORIZATION_ERROR', 'ZM'])
  })

  await check('details decides between the latest attempt and all', async () => {
    await sdk.pay(request('attempts-1'))
    await end('attempts-1', 'attempt_failed')
    assert.equal((await sdk.getOrderStatus('attempts-1')).state, 'PENDING')
    await end('attempts-1', 'success')
    const states = async (details) => (await sdk.getOrderStatus('attempts-1', details)).paymentDetails.map(({ state }) => state)
    assert.deepEqual([await states(false), await states(true)], [['COMPLETED'], ['FAILED', 'COMPLETED']])
  })

  await check('a transaction is shown with its order', async () => {
    for (const attempt of (await sdk.getOrderStatus('attempts-1', true)).paymentDetails) {
      const status = await sdk.getTransactionStatus(attempt.transactionId)
      assert.deepEqual([status.state, status.paymentDetails], ['COMPLETED', [attempt]])
    }
    await raises(BadRequest, () => sdk.getTransactionStatus('OM1'))
  })

  await check('a used id is refused with 417', async () => {
    const error = await raises(ExpectationFailed, () => sdk.pay(request('pay-1')))
    assert.equal(error.code, 'INVALID_TRANSACTION_ID')
  })

  await check('an unknown order is refused', async () => {
    const error = await raises(BadRequest, () => sdk.getOrderStatus('nobody'))
    assert.equal(error.code, 'INVALID_MERCHANT_ORDER_ID')
  })

  await check('limits are held', async () => {
    const beyond = [{ amount: 99 }, { amount: 1.5 }, { expireAfter: 299 }, { expireAfter: 3601 }, { redirectUrl: null }]
    for (const fields of beyond) {
      const error = await raises(BadRequest, () => sdk.pay(request('limits-1', fields)))
      assert.equal(error.code, 'BAD_REQUEST')
    }
    for (const order of ['a'.repeat(64), 'a b', 'a/b']) await raises(BadRequest, () => sdk.pay(request(order)))
  })
}

/** The webhook of the event about this order or refund. Those about others are left over from earlier checks. */
const webhook = async (received, event, about) => {
  const patience = Date.now() + PATIENCE_MS
  while (Date.now() < patience) {
    const found = received.findIndex(({ body }) => {
      const told = JSON.parse(body)
      const { merchantOrderId, merchantRefundId, merchantSubscriptionId } = told.payload
      return told.event === event && [merchantOrderId, merchantRefundId, merchantSubscriptionId].includes(about)
    })
    if (found >= 0) return received.splice(found, 1)[0]
    await sleep(10)
  }
  assert.fail(`no ${event} came about ${about}`)
}

/** The payload of a webhook that the SDK holds for valid, and reads as what it is. */
const validated = async (sdk, received, event, about, state, amount) => {
  const { authorization, body } = await webhook(received, event, about)
  const { payload, ...envelope } = sdk.validateCallback(USERNAME, PASSWORD, authorization, body)
  assert.deepEqual(envelope, { event, type: event.toUpperCase().replaceAll('.', '_') })
  assert.deepEqual([payload.state, payload.amount, payload.merchantId], [state, amount, 'MERCHANTUAT'])
  return payload
}

const webhooks = async (sdk, received) => {
  const told = (event, order, state, amount = AMOUNT) => validated(sdk, received, event, order, state, amount)

  for (const [name, mode] of [['UPI', 'upi'], ['card', 'card']]) {
    await check(`the webhook of a payment by ${name} is valid`, async () => {
      const { orderId } = await sdk.pay(request(`hook-${mode}`, { udf1: 'x' }))
      await end(`hook-${mode}`, 'success', mode)
      const payload = await told('checkout.order.completed', `hook-${mode}`, 'COMPLETED')
      assert.equal(payload.orderId, orderId)
      assert.deepEqual(payload.metaInfo, { udf1: 'x' })
      assert.deepEqual(payload.paymentDetails, (await sdk.getOrderStatus(`hook-${mode}`)).paymentDetails)
    })
  }

  await check('the webhooks of a failed attempt, a failed order and its late payment are valid', async () => {
    await sdk.pay(request('hook-failed'))
    await end('hook-failed', 'attempt_failed')
    const attempt = await told('checkout.transaction.attempt.failed', 'hook-failed', 'PENDING')
    assert.deepEqual(attempt.paymentDetails.map(({ state }) => state), ['FAILED'])
    await end('hook-failed', 'fail', 'card')
    const order = await told('checkout.order.failed', 'hook-failed', 'FAILED')
    assert.deepEqual([order.errorCode, order.detailedErrorCode], ['PAYMENT_ERROR', 'TXN_FAILED'])
    await end('hook-failed', 'success')
    const late = await told('checkout.order.completed', 'hook-failed', 'COMPLETED')
    assert.equal(late.errorCode, undefined)
  })

  await check('a webhook with a tampered amount is valid to the SDK, which is why nobody may trust one', async () => {
    await weather({ webhook: { tamper_amount: 100 } })
    await sdk.pay(request('hook-tampered'))
    await end('hook-tampered', 'success')
    await told('checkout.order.completed', 'hook-tampered', 'COMPLETED', 100)
    await weather()
  })

  await check('a webhook with wrong credentials is not valid', async () => {
    await weather({ webhook: { wrong_credentials: true } })
    await sdk.pay(request('hook-wrong'))
    await end('hook-wrong', 'success')
    const { authorization, body } = await webhook(received, 'checkout.order.completed', 'hook-wrong')
    await raises(PhonePeException, () => sdk.validateCallback(USERNAME, PASSWORD, authorization, body))
    await weather()
  })
}

const refunds = async (sdk, received) => {
  const asked = (refund, order, amount = 100) =>
    sdk.refund(RefundRequest.builder().merchantRefundId(refund).originalMerchantOrderId(order).amount(amount).build())

  const told = async (event, refund, state, order = 'refund-1') => {
    const payload = await validated(sdk, received, event, refund, state, 100)
    assert.deepEqual([payload.merchantRefundId, payload.originalMerchantOrderId], [refund, order])
    return payload
  }

  await check('a refund is confirmed and completed, and both webhooks are valid', async () => {
    await weather({ auto_refund: 'none' })
    await sdk.pay(request('refund-1'))
    await end('refund-1', 'success')
    const { refundId, ...answer } = await asked('refund-1-a', 'refund-1')
    assert.match(refundId, /^OMR\d{22}$/)
    assert.deepEqual(answer, { amount: 100, state: 'PENDING' })
    assert.equal((await sdk.getRefundStatus('refund-1-a')).state, 'PENDING')
    const steps = [
      ['confirm', 'pg.refund.accepted', 'CONFIRMED'],
      ['complete', 'pg.refund.completed', 'COMPLETED'],
    ]
    for (const [name, event, state] of steps) {
      await step('refund-1-a', name)
      assert.equal((await told(event, 'refund-1-a', state)).refundId, refundId)
      const status = await sdk.getRefundStatus('refund-1-a')
      assert.deepEqual([status.state, status.amount], [state, 100])
      assert.deepEqual([status.merchantRefundId, status.originalMerchantOrderId], ['refund-1-a', 'refund-1'])
    }
  })

  await check('refunds that fail, at once or later, are told validly', async () => {
    await asked('refund-1-b', 'refund-1')
    await asked('refund-1-c', 'refund-1')
    await step('refund-1-c', 'confirm')
    await told('pg.refund.accepted', 'refund-1-c', 'CONFIRMED')
    for (const refund of ['refund-1-b', 'refund-1-c']) {
      await step(refund, 'fail')
      const payload = await told('pg.refund.failed', refund, 'FAILED')
      assert.deepEqual([payload.errorCode, payload.detailedErrorCode], ['OTHERS', '500'])
      assert.equal((await sdk.getRefundStatus(refund)).state, 'FAILED')
    }
  })

  await check('a refund to a card that nobody steers completes, and both webhooks are valid', async () => {
    await weather()
    await sdk.pay(request('refund-card'))
    await end('refund-card', 'success', 'card')
    assert.equal((await asked('refund-card-a', 'refund-card')).state, 'PENDING')
    await told('pg.refund.accepted', 'refund-card-a', 'CONFIRMED', 'refund-card')
    const { splitInstruments } = await told('pg.refund.completed', 'refund-card-a', 'COMPLETED', 'refund-card')
    assert.deepEqual(splitInstruments.map(({ amount, rail }) => [amount, rail.type]), [[100, 'PG']])
  })

  await check('a used id, too much, an unpaid order, and unknown orders and refunds are refused', async () => {
    await raises(ExpectationFailed, () => asked('refund-1-a', 'refund-1'))
    await raises(BadRequest, () => asked('refund-2', 'refund-1', AMOUNT + 1))
    await sdk.pay(request('refund-unpaid'))
    assert.equal((await raises(ClientError, () => asked('refund-2', 'refund-unpaid'))).httpStatusCode, 402)
    const unknown = await raises(BadRequest, () => asked('refund-2', 'nobody'))
    assert.equal(unknown.code, 'INVALID_MERCHANT_ORDER_ID')
    await raises(BadRequest, () => sdk.getRefundStatus('refund-2'))
  })
}

/** Calls the payment host without the SDK, which has no call for mandates. */
const merchantCalls = async () => {
  const host = `${SANDBOX}/apis/pg-sandbox`
  const form = { client_id: CLIENT_ID, client_secret: CLIENT_SECRET, client_version: '1', grant_type: 'client_credentials' }
  const answer = await fetch(`${host}/v1/oauth/token`, { method: 'POST', body: new URLSearchParams(form) })
  const { access_token: token } = await answer.json()
  return async (path, body) => {
    const headers = { Authorization: `O-Bearer ${token}`, 'Content-Type': 'application/json' }
    const called = await fetch(`${host}${path}`, { method: 'POST', headers, body: body && JSON.stringify(body) })
    assert.ok(called.ok, `${path}: ${called.status} ${await called.clone().text()}`)
  }
}

/** The two APIs of Autopay: where each sets mandates up and debits them, and the event that tells of a setup. */
const APIS = [
  {
    name: 'the hosted page',
    mandate: 'page-mandate',
    setup: '/checkout/v2/pay',
    debits: '/checkout/v2/subscriptions',
    told: 'checkout.order',
    redemption: 'SUBSCRIPTION_CHECKOUT_REDEMPTION',
    flow: (terms) => ({
      type: 'SUBSCRIPTION_CHECKOUT_SETUP',
      merchantUrls: { redirectUrl: RETURN_URL },
      subscriptionDetails: { ...terms, subscriptionType: 'RECURRING', productType: 'UPI_MANDATE' },
    }),
  },
  {
    name: 'the app',
    mandate: 'app-mandate',
    setup: '/subscriptions/v2/setup',
    debits: '/subscriptions/v2',
    told: 'subscription.setup.order',
    redemption: 'SUBSCRIPTION_REDEMPTION',
    flow: (terms) => ({ ...terms, type: 'SUBSCRIPTION_SETUP', paymentMode: { type: 'UPI_INTENT' } }),
  },
]

const mandates = async (sdk, received) => {
  const call = await merchantCalls()
  const act = (mandate, name) => control('POST', `/mandates/${mandate}`, { act: name })

  for (const { name, mandate, setup, debits, told, redemption, flow } of APIS) {
    const isTold = (event, about, state) => validated(sdk, received, event, about, state, AMOUNT)

    await check(`every webhook of a mandate of ${name} is valid`, async () => {
      for (const [id, outcome, event, state] of [
        [`${mandate}-failed`, 'fail', 'failed', 'FAILED'],
        [mandate, 'success', 'completed', 'COMPLETED'],
      ]) {
        const terms = { merchantSubscriptionId: id, authWorkflowType: 'TRANSACTION', amountType: 'VARIABLE', maxAmount: AMOUNT, frequency: 'MONTHLY' }
        await call(setup, { merchantOrderId: `${id}-setup`, amount: AMOUNT, paymentFlow: flow(terms) })
        await end(`${id}-setup`, outcome)
        await isTold(`${told}.${event}`, `${id}-setup`, state)
      }
      for (const [debit, auto_notify, auto_redeem, state] of [
        ['unnotified', 'fail', 'none'],
        ['failed', 'notify', 'fail', 'FAILED'],
        ['completed', 'notify', 'succeed', 'COMPLETED'],
      ]) {
        const order = `${mandate}-${debit}`
        await weather({ auto_notify, auto_redeem })
        await call(`${debits}/notify`, {
          merchantOrderId: order,
          amount: AMOUNT,
          paymentFlow: { type: redemption, merchantSubscriptionId: mandate },
        })
        if (auto_notify === 'fail') {
          await isTold('subscription.notification.failed', order, 'FAILED')
          continue
        }
        await isTold('subscription.notification.completed', order, 'NOTIFIED')
        await control('POST', '/clock', { advance_s: 86_400 })
        await call(`${debits}/redeem`, { merchantOrderId: order })
        await isTold(`subscription.redemption.transaction.${debit}`, order, 'PENDING')
        await isTold(`subscription.redemption.order.${debit}`, order, state)
      }
      await weather()
    })

    await check(`what its customer does to a mandate of ${name} is told validly`, async () => {
      const isToldOf = async (event, state) => {
        const { authorization, body } = await webhook(received, `subscription.${event}`, mandate)
        assert.equal(sdk.validateCallback(USERNAME, PASSWORD, authorization, body).payload.state, state)
      }
      await act(mandate, 'pause')
      await isToldOf('paused', 'PAUSED')
      await act(mandate, 'unpause')
      await isToldOf('unpaused', 'ACTIVE')
      await call(`${debits}/${mandate}/cancel`)
      await isToldOf('cancelled', 'CANCELLED')
    })
  }

  await check('a revocation is told validly', async () => {
    const terms = { merchantSubscriptionId: 'revoked', authWorkflowType: 'TRANSACTION', amountType: 'VARIABLE', maxAmount: AMOUNT, frequency: 'YEARLY' }
    await call(APIS[0].setup, { merchantOrderId: 'revoked-setup', amount: AMOUNT, paymentFlow: APIS[0].flow(terms) })
    await end('revoked-setup', 'success')
    await act('revoked', 'revoke')
    const { authorization, body } = await webhook(received, 'subscription.revoked', 'revoked')
    assert.equal(sdk.validateCallback(USERNAME, PASSWORD, authorization, body).payload.state, 'REVOKED')
  })
}

const failures = async (sdk) => {
  const spoiled = async (endpoint, knobs, kind, call) => {
    await weather({ [endpoint]: knobs })
    try {
      return await raises(kind, call)
    } finally {
      await weather()
    }
  }

  for (const [status, kind] of Object.entries(FAILURES)) {
    await check(`pay answers ${status}`, async () => {
      const error = await spoiled('pay', { http_status: Number(status) }, kind, () => sdk.pay(request(`bad-${status}`)))
      assert.equal(error.httpStatusCode, Number(status))
    })
  }

  await check('status answers 500', () => spoiled('status', { http_status: 500 }, ServerError, () => sdk.getOrderStatus('pay-1')))

  await check('a pay that was answered with 500 may have been made', async () => {
    await spoiled('pay', { http_status: 500, after_commit: true }, ServerError, () => sdk.pay(request('bad-made')))
    assert.equal((await sdk.getOrderStatus('bad-made')).state, 'PENDING')
  })

  await check('a web page instead of an answer has no code', async () => {
    const error = await spoiled('pay', { html_body: true }, ServerError, () => sdk.pay(request('bad-html')))
    assert.deepEqual([error.httpStatusCode, error.code], [502, undefined])
  })
}

const RUNS = { everything, 'wrong-secret': wrongSecret, 'unknown-authority': unknownAuthority }

// The SDK prints whole requests, tokens and secrets included, when it gets no token.
console.warn = () => {}
const run = RUNS[process.argv[2]] ?? assert.fail(`there is no run ${process.argv[2]}`)
await run()
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
