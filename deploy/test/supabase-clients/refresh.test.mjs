// Getting the next pair of tokens of a session, and what ends it.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import {
  REUSE_INTERVAL_MS, claims, client, device, done, forgedRefreshToken, hs256, over, person, raw, rawRefused, refresh, refused, sleep,
} from './rig.mjs'

/** Refreshes one after the other; gives all sessions, the first included. */
const chain = async (session, length) => {
  const sessions = [session]
  while (sessions.length < length) sessions.push(done(await refresh(sessions.at(-1).refresh_token)).session)
  return sessions
}

const outlastTheWindow = () => sleep(REUSE_INTERVAL_MS + 1000)

describe('refresh', { concurrency: 8 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('gives the next pair of the same session', async () => {
    const { auth, session } = await device(email)
    const { session: next, user } = done(await auth.refreshSession())
    assert.notEqual(next.refresh_token, session.refresh_token)
    assert.equal(user.email, email)
    assert.equal(claims(next.access_token).session_id, claims(session.access_token).session_id)
    assert.equal(done(await client().getUser(next.access_token)).user.email, email)
  })

  it('gives twenty clients that hold one token the same new token', async () => {
    const { session } = await device(email)
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(session.refresh_token)))
    const tokens = new Set(answers.map((answer) => done(answer).session.refresh_token))
    assert.equal(tokens.size, 1)
    const [next] = tokens
    assert.notEqual(next, session.refresh_token)
    assert.notEqual(done(await refresh(next)).session.refresh_token, next)
  })

  it('repeats the answer for a client that lost it', async () => {
    const [first, second] = await chain((await device(email)).session, 2)
    await outlastTheWindow()
    assert.equal(done(await refresh(first.refresh_token)).session.refresh_token, second.refresh_token)
  })

  it('repeats the present token for an older one within the reuse interval', async () => {
    const sessions = await chain((await device(email)).session, 4)
    assert.equal(done(await refresh(sessions[0].refresh_token)).session.refresh_token, sessions[3].refresh_token)
    assert.equal(done(await refresh(sessions[1].refresh_token)).session.refresh_token, sessions[3].refresh_token)
  })

  it('takes an older token after the reuse interval for theft and ends the session at once', async () => {
    const sessions = await chain((await device(email)).session, 3)
    await outlastTheWindow()
    refused(await refresh(sessions[0].refresh_token), 400, 'refresh_token_already_used')
    refused(await refresh(sessions[2].refresh_token), 400, 'refresh_token_not_found')
    over(await client().getUser(sessions[2].access_token))
  })

  it('leaves no token of a stolen session alive', async () => {
    const sessions = await chain((await device(email)).session, 5)
    await outlastTheWindow()
    refused(await refresh(sessions[1].refresh_token), 400, 'refresh_token_already_used')
    for (const { refresh_token, access_token } of sessions) {
      refused(await refresh(refresh_token), 400, 'refresh_token_not_found')
      over(await client().getUser(access_token))
    }
  })

  it('leaves the other sessions of somebody whose token was stolen alone', async () => {
    const [stolen, other] = [await device(email), await device(email)]
    const sessions = await chain(stolen.session, 3)
    await outlastTheWindow()
    refused(await refresh(sessions[0].refresh_token), 400, 'refresh_token_already_used')
    assert.equal(done(await client().getUser(other.session.access_token)).user.email, email)
    done(await refresh(other.session.refresh_token))
  })

  it('brings changes of the user into the token', async () => {
    const { auth } = await device(email)
    done(await auth.updateUser({ data: { colour: 'green' } }))
    const { session } = done(await auth.refreshSession())
    assert.equal(claims(session.access_token).user_metadata.colour, 'green')
  })

  it('happens by itself when a client is given an expired access token', async () => {
    const { session } = await device(email)
    const expired = hs256({ ...claims(session.access_token), exp: Math.floor(Date.now() / 1000) - 600 })
    const auth = client()
    const { session: next } = done(await auth.setSession({ access_token: expired, refresh_token: session.refresh_token }))
    assert.notEqual(next.refresh_token, session.refresh_token)
    assert.equal(done(await auth.getUser()).user.email, email)
  })

  it('is not for somebody who only has an expired access token', async () => {
    const { session } = await device(email)
    const expired = hs256({ ...claims(session.access_token), exp: Math.floor(Date.now() / 1000) - 600 })
    const refresh_token = forgedRefreshToken(claims(session.access_token).session_id, 0)
    refused(await client().setSession({ access_token: expired, refresh_token }), 400, 'validation_failed')
  })

  for (const [what, token] of [
    ['nothing', ''],
    ['null', null],
    ['noise', 'x'],
    ['other alphabets', 'токен💥'],
    ['white space', '   '],
    ['a very long text', 'a'.repeat(10_000)],
  ]) {
    it(`refuses ${what} as a token`, async () => {
      rawRefused(await raw('POST', '/token?grant_type=refresh_token', { body: { refresh_token: token } }), 400, 'validation_failed')
    })
  }

  it('refuses an access token in the place of a refresh token', async () => {
    const { session } = await device(email)
    refused(await refresh(session.access_token), 400, 'validation_failed')
  })

  it('refuses a token that was altered, wherever that is, and the session does not suffer', async () => {
    const { session } = await device(email)
    const token = session.refresh_token
    for (const place of [0, 5, Math.floor(token.length / 2), token.length - 10, token.length - 2]) {
      const forged = token.slice(0, place) + (token[place] === 'B' ? 'C' : 'B') + token.slice(place + 1)
      const { error } = await refresh(forged)
      assert.equal(error?.status, 400, `altered at ${place}`)
      assert.match(error.code, /^(validation_failed|refresh_token_not_found)$/)
    }
    assert.notEqual(done(await refresh(token)).session.refresh_token, token)
  })

  it('refuses a token with a guessed signature, and the session does not suffer', async () => {
    const { session } = await device(email)
    const { session_id } = claims(session.access_token)
    for (const counter of [0, 1, 2, 100]) refused(await refresh(forgedRefreshToken(session_id, counter)), 400, 'validation_failed')
    done(await refresh(session.refresh_token))
  })

  it('refuses a token of a session that never was', async () => {
    refused(await refresh(forgedRefreshToken(randomUUID(), 0)), 400, 'refresh_token_not_found')
  })
})
