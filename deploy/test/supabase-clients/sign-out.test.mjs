// Ending sessions.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  OTHER_PASSWORD, PASSWORD, client, device, done, es256, claims, legacyKey, over, person, raw, rawRefused, refresh, refused, resigned,
} from './rig.mjs'

const alive = async ({ access_token }) => (await client().getUser(access_token)).error === null

const dead = async ({ access_token, refresh_token }) => {
  over(await client().getUser(access_token))
  refused(await refresh(refresh_token), 400, 'refresh_token_not_found')
}

describe('sign-out', { concurrency: 4 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('of this device ends its session and no other', async () => {
    const [here, there] = [await device(email), await device(email)]
    done({ data: null, ...(await here.auth.signOut({ scope: 'local' })) })
    await dead(here.session)
    assert.ok(await alive(there.session))
    done(await refresh(there.session.refresh_token))
  })

  it('of the others leaves this device signed in', async () => {
    const { email, auth, session } = await person()
    const others = [await device(email), await device(email)]
    const { error } = await auth.signOut({ scope: 'others' })
    assert.equal(error, null)
    for (const other of others) await dead(other.session)
    assert.ok(await alive(session))
    done(await auth.refreshSession())
  })

  it('without more words ends every session', async () => {
    const { email, auth, session } = await person()
    const other = await device(email)
    assert.equal((await auth.signOut()).error, null)
    await dead(session)
    await dead(other.session)
    assert.equal((await auth.getSession()).data.session, null)
    await device(email)
  })

  it('ends what a session was refreshed to as well', async () => {
    const { auth, session } = await device(email)
    const { session: next } = done(await auth.refreshSession())
    assert.equal((await auth.signOut({ scope: 'local' })).error, null)
    await dead(next)
    await dead(session)
  })

  it('of one person leaves every other person signed in', async () => {
    const [ann, bob] = await Promise.all([person(), person()])
    assert.equal((await ann.auth.signOut({ scope: 'global' })).error, null)
    await dead(ann.session)
    assert.ok(await alive(bob.session))
  })

  it('by the token of somebody else, as servers do it, works for each scope', async () => {
    const [one, two] = [await device(email), await device(email)]
    const { error } = await client().admin.signOut(one.session.access_token, 'local')
    assert.equal(error, null)
    await dead(one.session)
    assert.ok(await alive(two.session))
  })

  it('is answered with 204 and nothing more', async () => {
    const { session } = await device(email)
    const answer = await raw('POST', '/logout?scope=local', { token: session.access_token })
    assert.deepEqual([answer.status, answer.text], [204, ''])
  })

  it('twice is refused the second time', async () => {
    const { session } = await device(email)
    await raw('POST', '/logout?scope=local', { token: session.access_token })
    rawRefused(await raw('POST', '/logout?scope=local', { token: session.access_token }), 403, 'session_not_found')
  })

  it('is for nobody without a token', async () => {
    rawRefused(await raw('POST', '/logout'), 401, 'no_authorization')
  })

  it('is for nobody with a forged token', async () => {
    const { session } = await device(email)
    for (const token of [resigned(session.access_token), es256(claims(session.access_token)), legacyKey('anon')]) {
      rawRefused(await raw('POST', '/logout?scope=global', { token }), 403, 'bad_jwt')
    }
    assert.ok(await alive(session))
  })

  it('refuses a scope that nobody knows, and ends nothing', async () => {
    const { session } = await device(email)
    rawRefused(await raw('POST', '/logout?scope=everyone', { token: session.access_token }), 400, 'validation_failed')
    assert.ok(await alive(session))
  })

  it('takes every right away from the access token at this provider', async () => {
    const { auth, session } = await device(email)
    await auth.signOut({ scope: 'local' })
    const token = session.access_token
    rawRefused(await raw('PUT', '/user', { token, body: { password: OTHER_PASSWORD } }), 403, 'session_not_found')
    rawRefused(await raw('PUT', '/user', { token, body: { data: { name: 'Eve' } } }), 403, 'session_not_found')
    rawRefused(await raw('POST', '/factors', { token, body: { factor_type: 'totp' } }), 403, 'session_not_found')
    over(await client().setSession(session))
    assert.equal((await device(email, PASSWORD)).session.user.user_metadata.name, undefined)
  })
})
