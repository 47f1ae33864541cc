// Moving an account to another address: both have to agree.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { PASSWORD, client, device, done, letter, newEmail, person, raw, refused, wrongCode } from './rig.mjs'

/** Somebody who asked to move, and the mails to both addresses. */
const moving = async () => {
  const who = await person()
  const to = newEmail('moved')
  const { user } = done(await who.auth.updateUser({ email: to }))
  const [old, fresh] = await Promise.all([letter(who.email, 'email_change'), letter(to, 'email_change')])
  return { ...who, to, user, old, fresh }
}

const byLink = ({ token_hash }) => client().verifyOtp({ type: 'email_change', token_hash })

const isHalf = (result) => assert.deepEqual(done(result), { user: null, session: null })

const MESSAGE = 'Confirmation link accepted. Please proceed to confirm link sent to the other email'

// In order: each goes on where the one before it ended, since every beginning costs three mails.
describe('a change of the address that was only begun', () => {
  let begun

  before(async () => {
    begun = await moving()
  })

  it('waits for both addresses', async () => {
    const { email, to, user } = begun
    assert.deepEqual([user.email, user.new_email], [email, to])
    assert.ok(Date.parse(user.email_change_sent_at))
    await device(email)
    refused(await client().signInWithPassword({ email: to, password: PASSWORD }), 400, 'invalid_credentials')
  })

  it('refuses a wrong code', async () => {
    refused(await client().verifyOtp({ type: 'email_change', email: begun.to, token: wrongCode(begun.fresh.code) }), 403, 'otp_expired')
    if (begun.old.code === begun.fresh.code) return
    refused(await client().verifyOtp({ type: 'email_change', email: begun.to, token: begun.old.code }), 403, 'otp_expired')
  })

  it('takes its proofs under no other type', async () => {
    for (const type of ['signup', 'recovery', 'magiclink', 'email']) {
      refused(await client().verifyOtp({ type, email: begun.to, token: begun.fresh.code }), 403, 'otp_expired')
      refused(await client().verifyOtp({ type, token_hash: begun.fresh.token_hash }), 403, 'otp_expired')
    }
  })

  it('is refused to an address that somebody has', async () => {
    const bob = await person()
    refused(await begun.auth.updateUser({ email: bob.email.toUpperCase() }), 422, 'email_exists')
    assert.equal(done(await begun.auth.getUser()).user.new_email, begun.to)
  })

  it('is refused to what is no address', async () => {
    for (const email of ['nobody', 'ann@', 'xx:;x@x.x']) refused(await begun.auth.updateUser({ email }), 400, 'validation_failed')
  })

  it('answers the first link with a message for the page', async () => {
    const answer = await raw('GET', `/verify?token=${begun.fresh.token_hash}&type=email_change`)
    assert.equal(answer.status, 303)
    const fragment = new URLSearchParams(new URL(answer.headers.get('location')).hash.slice(1))
    assert.deepEqual([fragment.get('message'), fragment.get('access_token')], [MESSAGE, null])
  })

  it('is not done with the same half once more', async () => {
    refused(await byLink(begun.fresh), 403, 'otp_expired')
    refused(await client().verifyOtp({ type: 'email_change', email: begun.to, token: begun.fresh.code }), 403, 'otp_expired')
    refused(await client().signInWithPassword({ email: begun.to, password: PASSWORD }), 400, 'invalid_credentials')
    await device(begun.email)
  })
})

describe('a change of the address', { concurrency: 4 }, () => {
  it('is done when both links were followed', async () => {
    const { email, to, auth, old, fresh } = await moving()
    isHalf(await byLink(fresh))
    const { session, user } = done(await byLink(old))
    assert.ok(session)
    assert.deepEqual([user.email, user.new_email], [to, undefined])
    assert.equal(done(await auth.getUser()).user.email, to)
    await device(to)
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
  })

  it('is done when both codes were typed in, and makes other links to the old address worthless', async () => {
    const { email, to, old, fresh } = await moving()
    done(await client().resetPasswordForEmail(email))
    const recovery = await letter(email, 'recovery')
    const { status, body } = await raw('POST', '/verify', { body: { type: 'email_change', email, token: old.code } })
    assert.deepEqual([status, body], [200, { msg: MESSAGE, code: '200' }])
    assert.equal(done(await client().verifyOtp({ type: 'email_change', email: to, token: fresh.code })).user.email, to)
    refused(await client().verifyOtp({ type: 'recovery', token_hash: recovery.token_hash }), 403, 'otp_expired')
    await device(to)
  })

  it('is mailed once more on request, and the earlier links die', async () => {
    const { email, to, old, fresh } = await moving()
    done(await client().resend({ type: 'email_change', email }))
    const again = await Promise.all([letter(email, 'email_change'), letter(to, 'email_change')])
    refused(await byLink(old), 403, 'otp_expired')
    refused(await byLink(fresh), 403, 'otp_expired')
    isHalf(await byLink(again[0]))
    assert.equal(done(await byLink(again[1])).user.email, to)
  })
})
