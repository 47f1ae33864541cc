// A lost password, and what proofs by mail are good for.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  OTHER_PASSWORD, PASSWORD, claims, client, device, done, letter, mailsTo, newEmail, over, person, raw, rawRefused, refused, sleep, waiting,
} from './rig.mjs'

/** Asks for a new password; gives the mail. */
const ask = async (email) => {
  done(await client().resetPasswordForEmail(email))
  return letter(email, 'recovery')
}

const bring = ({ token_hash }) => client().verifyOtp({ type: 'recovery', token_hash })

// One after the other with one account: a newer mail makes the older one worthless.
describe('recovery', () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('answers alike for every address, and mails only those who have an account', async () => {
    const unknown = newEmail('nobody')
    const answers = []
    for (const address of [unknown, email]) answers.push(await raw('POST', '/recover', { body: { email: address } }))
    assert.deepEqual(answers.map(({ status, body }) => [status, body]), [[200, {}], [200, {}]])
    await letter(email, 'recovery')
    await sleep(500)
    assert.equal(await mailsTo(unknown), 0)
  })

  it('finds the account however the address is spelled, and its code signs in', async () => {
    done(await client().resetPasswordForEmail(email.toUpperCase()))
    const { code } = await letter(email, 'recovery')
    const { session, user } = done(await client().verifyOtp({ type: 'recovery', email, token: code }))
    assert.deepEqual([claims(session.access_token).aal, user.email], ['aal1', email])
  })

  it('is no proof of anything else', async () => {
    const mail = await ask(email)
    for (const type of ['signup', 'invite', 'email_change']) {
      refused(await client().verifyOtp({ type, token_hash: mail.token_hash }), 403, 'otp_expired')
      const typed = await client().verifyOtp({ type, email, token: mail.code })
      refused(typed, 403, 'otp_expired')
      assert.equal(typed.error.message, 'Token has expired or is invalid')
    }
    done(await bring(mail))
  })

  it('refuses a token of a link that was altered', async () => {
    const mail = await ask(email)
    const token = mail.token_hash
    const altered = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`
    for (const token_hash of [altered, token.slice(1), `${token}A`, token.toLowerCase(), '%', `pkce_${token}`]) {
      refused(await bring({ token_hash }), 403, 'otp_expired')
    }
    done(await bring(mail))
  })

  it('takes a link once, even from ten tabs at the same time', async () => {
    const mail = await ask(email)
    const answers = await Promise.all(Array.from({ length: 10 }, () => bring(mail)))
    assert.equal(answers.filter(({ error }) => error === null).length, 1)
    for (const answer of answers.filter(({ error }) => error !== null)) refused(answer, 403, 'otp_expired')
    const late = await bring(mail)
    refused(late, 403, 'otp_expired')
    assert.equal(late.error.message, 'Email link is invalid or has expired')
  })

  it('by a newer mail makes the older one worthless', async () => {
    const older = await ask(email)
    const newer = await ask(email)
    refused(await bring(older), 403, 'otp_expired')
    done(await bring(newer))
  })

  it('makes the other mails of the person worthless', async () => {
    const recovery = await ask(email)
    done(await client().signInWithOtp({ email }))
    const { token_hash } = await letter(email, 'magiclink')
    done(await client().verifyOtp({ type: 'magiclink', token_hash }))
    refused(await bring(recovery), 403, 'otp_expired')
  })

  it('refuses what is no address', async () => {
    refused(await client().resetPasswordForEmail('xx:;x@x.x'), 400, 'validation_failed')
    rawRefused(await raw('POST', '/recover', { body: {} }), 400, 'validation_failed')
  })
})

describe('after a recovery', { concurrency: 2 }, () => {
  it('a new password opens the account, the old one does not, and other sessions are over', async () => {
    const { email, session: old } = await person()
    const auth = client()
    const events = []
    auth.onAuthStateChange((event) => events.push(event))
    const { token_hash } = await ask(email)
    done(await auth.verifyOtp({ type: 'recovery', token_hash }))
    assert.ok(events.includes('PASSWORD_RECOVERY'), events.join())
    done(await auth.updateUser({ password: OTHER_PASSWORD }))
    await device(email, OTHER_PASSWORD)
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    over(await client().getUser(old.access_token))
  })

  it('an address that waited is confirmed, without the password of the sign-up', async () => {
    const { email } = await waiting()
    const { user } = done(await bring(await ask(email)))
    assert.ok(Date.parse(user.email_confirmed_at))
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
  })
})

describe('a proof', { concurrency: 4 }, () => {
  const email = newEmail('nobody')

  for (const [what, body] of [
    ['without a type', { email, token: '123456' }],
    ['of a type that nobody knows', { type: 'friendship', email, token: '123456' }],
    ['without an address', { type: 'recovery', token: '123456' }],
    ['of both kinds', { type: 'recovery', email, token: '123456', token_hash: 'x' }],
    ['of no kind', { type: 'recovery', email }],
    ['of nulls', { type: 'recovery', email: null, token: null, token_hash: null }],
    ['with an address beside the hash', { type: 'recovery', email, token_hash: 'x' }],
    ['with what is no address', { type: 'recovery', email: 'nobody', token: '123456' }],
    ['by telephone', { type: 'sms', phone: '+14155550100', token: '123456' }],
  ]) {
    it(`${what} is refused`, async () => {
      rawRefused(await raw('POST', '/verify', { body }), 400, 'validation_failed')
    })
  }

  it('for an address that nobody has is refused like a wrong one', async () => {
    refused(await client().verifyOtp({ type: 'recovery', email, token: '123456' }), 403, 'otp_expired')
    for (const token of ['', '12345', '1234567', 'abcdef', '１２３４５６', '0'.repeat(1000)]) {
      const { error } = await client().verifyOtp({ type: 'email', email, token })
      assert.match(error?.code ?? '', /^(otp_expired|validation_failed)$/, token)
    }
  })
})
