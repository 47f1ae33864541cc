// Access tokens and API keys: which are believed, and above all which are not.

import assert from 'node:assert/strict'
import { createPublicKey, randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import {
  OTHER_PASSWORD, PUBLISHABLE_KEY, altered, base, claims, client, device, done, es256, hs256, legacyKey, over, part, person, raw, rawRefused,
  refused, resigned, strangersKey,
} from './rig.mjs'

const HOUR = 3600
const now = () => Math.floor(Date.now() / 1000)
const without = (payload, name) => Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name))

let email
let session
let genuine
let kid
let payload
let stranger

before(async () => {
  const who = await person()
  ;({ email } = who)
  ;({ session } = await device(email))
  genuine = session.access_token
  payload = claims(genuine)
  ;({ kid } = part(genuine, 0))
  stranger = await person()
})

describe('an access token', { concurrency: 4 }, () => {
  it('has the claims that Supabase writes', () => {
    const { iss, sub, aud, exp, iat, phone, role, aal, amr, session_id, is_anonymous, app_metadata, user_metadata } = payload
    assert.match(iss, /\/auth\/v1$/)
    assert.deepEqual([sub, aud, role, aal, phone, is_anonymous], [session.user.id, 'authenticated', 'authenticated', 'aal1', '', false])
    assert.deepEqual([exp - iat, exp, payload.email], [HOUR, session.expires_at, email])
    assert.ok(Math.abs(iat - now()) < 120)
    assert.deepEqual(amr.map(({ method }) => method), ['password'])
    assert.match(session_id, /^[0-9a-f-]{36}$/)
    assert.deepEqual(app_metadata, { provider: 'email', providers: ['email'] })
    assert.equal(user_metadata.email_verified, true)
  })

  it('is signed with a key that is published, without its private half', async () => {
    const { alg, typ } = part(genuine, 0)
    assert.deepEqual([alg, typ], ['ES256', 'JWT'])
    const { status, headers, body } = await raw('GET', '/.well-known/jwks.json')
    assert.deepEqual([status, headers.get('cache-control')], [200, 'public, max-age=600'])
    const key = body.keys.find((key) => key.kid === kid)
    assert.deepEqual([key.kty, key.crv, key.alg, key.use, key.key_ops], ['EC', 'P-256', 'ES256', 'sig', ['verify']])
    for (const { d, k, kty } of body.keys) assert.deepEqual([d, k, kty], [undefined, undefined, 'EC'])
  })

  it('is verified by the client without asking the server', async () => {
    const asked = []
    const auth = client({ fetch: (url, options) => (asked.push(new URL(url).pathname), fetch(url, options)) })
    const { claims: read, header } = done(await auth.getClaims(genuine))
    assert.deepEqual([read.sub, header.alg], [payload.sub, 'ES256'])
    assert.deepEqual(asked, ['/auth/v1/.well-known/jwks.json'])
  })

  it('is not believed by the client when it was altered', async () => {
    for (const token of [altered(genuine, { sub: randomUUID() }), resigned(genuine), es256(payload, { kid })]) {
      assert.equal((await client().getClaims(token)).error?.name, 'AuthInvalidJwtError')
    }
    // For a key that is not published the client asks the server, which does not believe it either.
    refused(await client().getClaims(es256(payload, { kid: 'unknown' })), 403, 'bad_jwt')
  })

  it('is believed with the legacy secret of the project', async () => {
    const token = hs256(payload)
    assert.equal(done(await client().getUser(token)).user.email, email)
    assert.equal(done(await client().getClaims(token)).claims.sub, payload.sub)
  })

  it('is believed whatever key it names, when it has the legacy secret', async () => {
    assert.equal(done(await client().getUser(hs256(payload, { kid }))).user.email, email)
  })

  it('is believed with several audiences of which one is ours', async () => {
    assert.equal(done(await client().getUser(hs256({ ...payload, aud: ['somebody', 'authenticated'] }))).user.email, email)
  })
})

// Each would be believed but for the one thing that its name says.
const FORGERIES = {
  'a signature of which one bit is turned': () => resigned(genuine),
  'no signature': () => genuine.replace(/[^.]*$/, ''),
  'the signature of another token': () => `${genuine.replace(/[^.]*$/, '')}${stranger.session.access_token.split('.')[2]}`,
  'the claims of somebody else': () => altered(genuine, claims(stranger.session.access_token)),
  'a later end': () => altered(genuine, { exp: payload.exp + HOUR }),
  'another role in the claims': () => altered(genuine, { role: 'service_role' }),
  "the signature of a stranger's key": () => es256(payload, { kid }),
  "the signature of a stranger's key that no key set has": () => es256(payload, { kid: randomUUID() }),
  "the signature of a stranger's key, and the key itself": () => es256(payload, { kid, jwk: strangersKey }),
  'the signature of a stranger, and an address of the key': () =>
    es256(payload, { kid: 'unknown', jku: `${base}/auth/v1/.well-known/jwks.json`, x5u: 'http://evil.example/key' }),
  'a key that is named by a path': () => es256(payload, { kid: '../../../dev/null' }),
  'no key named': () => es256(payload),
  'no algorithm': () => `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${genuine.split('.')[1]}.`,
  'no algorithm, in another spelling': () => `${Buffer.from('{"alg":"nOnE","typ":"JWT"}').toString('base64url')}.${genuine.split('.')[1]}.`,
  'another algorithm for the same key': () =>
    `${Buffer.from(JSON.stringify({ alg: 'RS256', kid })).toString('base64url')}.${genuine.split('.').slice(1).join('.')}`,
  'a guessed secret': () => hs256(payload, {}, 'a-guessed-secret-of-more-than-32-bytes!!'),
  'an empty secret': () => hs256(payload, {}, ''),
  'no claims at all': () => hs256({}),
  'a token that ended two minutes ago': () => hs256({ ...payload, exp: now() - 120 }),
  'a token that ended long ago': () => hs256({ ...payload, iat: 1_500_000_000, exp: 1_500_003_600 }),
  'a negative end': () => hs256({ ...payload, exp: -1 }),
  'no end': () => hs256(without(payload, 'exp')),
  'an end that is a text': () => hs256({ ...payload, exp: String(payload.exp) }),
  'an end that is null': () => hs256({ ...payload, exp: null }),
  'a beginning in the future': () => hs256({ ...payload, nbf: now() + HOUR }),
  'another audience': () => hs256({ ...payload, aud: 'somebody-else' }),
  'several other audiences': () => hs256({ ...payload, aud: ['somebody', 'else'] }),
  'an empty audience': () => hs256({ ...payload, aud: '' }),
  'no audience': () => hs256(without(payload, 'aud')),
  'another issuer': () => hs256({ ...payload, iss: 'http://evil.example/auth/v1' }),
  'no issuer': () => hs256(without(payload, 'iss')),
  'no user': () => hs256(without(payload, 'sub')),
  'a user that is no id': () => hs256({ ...payload, sub: 'admin' }),
  'the role of nobody': () => hs256({ ...payload, role: 'anon' }),
  'the role of a server': () => hs256({ ...payload, role: 'service_role' }),
  'no role': () => hs256(without(payload, 'role')),
  'the public key of the project as the whole token': () => PUBLISHABLE_KEY,
  'a secret key of the project as the whole token': () => 'sb_secret_0123456789abcdefghij',
  'the legacy public key of the project': () => legacyKey('anon'),
  'the legacy public key of another project': () => legacyKey('anon', 'a-secret-of-another-project-0123456789ab'),
  'the legacy secret key of the project': () => legacyKey('service_role'),
  'a refresh token': () => session.refresh_token,
  'two parts only': () => genuine.split('.').slice(0, 2).join('.'),
  'four parts': () => `${genuine}.x`,
  'noise': () => 'x.y.z',
  'a text of 16 kilobytes': () => 'x'.repeat(16_000),
}

describe('a token is not believed with', { concurrency: 8 }, () => {
  for (const [what, forge] of Object.entries(FORGERIES)) {
    it(what, async () => {
      refused(await client().getUser(forge()), 403, 'bad_jwt')
    })
  }

  it('the public key of ours as its secret', async () => {
    const { body } = await raw('GET', '/.well-known/jwks.json')
    const key = body.keys.find((key) => key.kid === kid)
    const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    for (const secret of [pem, pem.trim(), JSON.stringify(key), Buffer.from(key.x, 'base64url')]) {
      refused(await client().getUser(hs256(payload, { kid }, secret)), 403, 'bad_jwt')
    }
  })

  it('a session that never was', async () => {
    over(await client().getUser(hs256({ ...payload, session_id: randomUUID() })))
    over(await client().getUser(hs256({ ...payload, session_id: 'x' })))
    over(await client().getUser(hs256(without(payload, 'session_id'))))
  })

  it('the session of somebody else', async () => {
    over(await client().getUser(hs256({ ...payload, session_id: claims(stranger.session.access_token).session_id })))
  })

  it('a user who never was', async () => {
    refused(await client().getUser(hs256({ ...payload, sub: randomUUID() })), 403, 'user_not_found')
  })
})

describe('what is for users only', { concurrency: 4 }, () => {
  const doors = [
    ['GET', '/user'],
    ['PUT', '/user', { password: OTHER_PASSWORD }],
    ['POST', '/logout?scope=global'],
    ['GET', '/reauthenticate'],
    ['POST', '/factors', { factor_type: 'totp' }],
  ]

  for (const [method, path, body] of doors) {
    it(`is closed at ${method} ${path} to keys and forgeries`, async () => {
      const expired = hs256({ ...payload, exp: now() - 120 })
      const foreign = hs256({ ...payload, aud: 'somebody-else' })
      for (const token of [resigned(genuine), es256(payload, { kid }), expired, foreign, legacyKey('anon'), PUBLISHABLE_KEY]) {
        rawRefused(await raw(method, path, { token, body }), 403, 'bad_jwt')
      }
      rawRefused(await raw(method, path, { body }), 401, 'no_authorization')
      rawRefused(await raw(method, path, { body, headers: { apikey: genuine } }), 401, 'no_authorization')
      assert.equal(done(await client().getUser(genuine)).user.email, email)
    })
  }
})

describe('what is for everybody', { concurrency: 4 }, () => {
  it('is open whatever key or token the client sends along', async () => {
    const expired = hs256({ ...payload, exp: now() - 120 })
    for (const token of [legacyKey('anon'), PUBLISHABLE_KEY, expired, resigned(genuine), 'noise', '']) {
      const headers = { Authorization: `Bearer ${token}`, apikey: token }
      const answer = await raw('POST', '/token?grant_type=password', { headers, body: { email, password: OTHER_PASSWORD } })
      rawRefused(answer, 400, 'invalid_credentials')
      assert.equal((await raw('GET', '/settings', { headers })).status, 200)
    }
  })

  it('is open without any key', async () => {
    assert.equal((await client({ headers: {} }).signInWithPassword({ email, password: OTHER_PASSWORD })).error.code, 'invalid_credentials')
  })
})
