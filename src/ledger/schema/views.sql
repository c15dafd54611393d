-- The views people query, under LiteLLM's names. Made anew after every migration.
--
-- Times are UTC text `YYYY-MM-DD HH:MM:SS`, so comparing with a date works as text; `spend` and
-- `response_cost` are dollars as REAL (`spend` is 0 and `response_cost` NULL when unpriced).

DROP VIEW IF EXISTS "LiteLLM_SpendLogs";
DROP VIEW IF EXISTS litellm_spend_logs;
DROP VIEW IF EXISTS spend_gaps;

CREATE VIEW litellm_spend_logs AS
SELECT
    CASE typeof(q.call_id)
        WHEN 'blob' THEN lower(
            substr(hex(q.call_id), 1, 8) || '-' || substr(hex(q.call_id), 9, 4) || '-'
            || substr(hex(q.call_id), 13, 4) || '-' || substr(hex(q.call_id), 17, 4) || '-'
            || substr(hex(q.call_id), 21))
        ELSE q.call_id
    END AS request_id,
    CASE r.surface
        WHEN 0 THEN 'acompletion'
        WHEN 1 THEN 'atext_completion'
        WHEN 2 THEN 'aembedding'
        WHEN 3 THEN 'anthropic_messages'
        WHEN 4 THEN 'count_tokens'
        WHEN 5 THEN 'arerank'
        WHEN 6 THEN 'atranscription'
        WHEN 7 THEN 'aspeech'
        WHEN 8 THEN 'aimage_generation'
        WHEN 9 THEN 'amoderation'
        ELSE ''
    END AS call_type,
    c.key_name AS api_key,
    coalesce(q.cost, 0) / 1e9 AS spend,
    q.cost / 1e9 AS response_cost,
    coalesce(q.prompt, 0) + coalesce(q.completion, 0) AS total_tokens,
    coalesce(q.prompt, 0) AS prompt_tokens,
    coalesce(q.completion, 0) AS completion_tokens,
    coalesce(q.cached, 0) AS cached_tokens,
    coalesce(q.cache_write, 0) AS cache_creation_tokens,
    coalesce(q.reasoning, 0) AS reasoning_tokens,
    strftime('%Y-%m-%d %H:%M:%S', q.started / 1000000, 'unixepoch') AS "startTime",
    strftime('%Y-%m-%d %H:%M:%S', (q.started + q.took) / 1000000, 'unixepoch') AS "endTime",
    strftime('%Y-%m-%d %H:%M:%S', (q.started + q.first_token) / 1000000, 'unixepoch')
        AS "completionStartTime",
    q.took / 1000 AS request_duration_ms,
    q.first_token / 1000 AS time_to_first_token_ms,
    q.overhead / 1000.0 AS overhead_ms,
    CASE r.model WHEN '' THEN r.client_model ELSE r.model END AS model,
    r.deployment AS model_id,
    CASE r.group_name WHEN '' THEN r.client_model ELSE r.group_name END AS model_group,
    r.client_model AS requested_model,
    r.backend AS backend,
    r.provider AS custom_llm_provider,
    r.host AS api_base,
    '' AS user,
    coalesce(u.name, '') AS end_user,
    NULL AS team_id,
    NULL AS organization_id,
    NULL AS agent_id,
    NULL AS session_id,
    'False' AS cache_hit,
    '' AS cache_key,
    coalesce(t.tags, '[]') AS request_tags,
    c.address AS requester_ip_address,
    c.user_agent AS user_agent,
    CASE WHEN q.error IS NULL AND q.status < 400 THEN 'success' ELSE 'failure' END AS status,
    q.status AS status_code,
    coalesce(e.word, '') AS error_class,
    q.stream AS stream,
    q.retries AS attempted_retries,
    q.fallbacks AS attempted_fallbacks,
    q.bytes_in AS bytes_in,
    q.bytes_out AS bytes_out,
    nullif(r.max_tokens, 0) AS context_window,
    CASE WHEN r.max_tokens > 0 THEN q.prompt * 1.0 / r.max_tokens END AS context_share,
    '{}' AS messages,
    '{}' AS response,
    '{}' AS proxy_server_request,
    json_object(
        'user_api_key_alias', c.key_name,
        'status', CASE WHEN q.error IS NULL AND q.status < 400 THEN 'success' ELSE 'failure' END,
        'attempted_retries', q.retries,
        'attempted_fallbacks', q.fallbacks,
        'usage_object', json_object(
            'prompt_tokens', q.prompt,
            'completion_tokens', q.completion,
            'total_tokens', q.prompt + q.completion)
    ) AS metadata,
    strftime('%Y-%m-%d %H:%M:%S', (q.started + q.took) / 1000000, 'unixepoch') AS created_at,
    strftime('%Y-%m-%d %H:%M:%S', (q.started + q.took) / 1000000, 'unixepoch') AS updated_at
FROM requests AS q
JOIN routes AS r ON r.id = q.route
JOIN clients AS c ON c.id = q.client
LEFT JOIN end_users AS u ON u.id = q.end_user
LEFT JOIN tag_sets AS t ON t.id = q.tags
LEFT JOIN errors AS e ON e.id = q.error;

CREATE VIEW "LiteLLM_SpendLogs" AS SELECT * FROM litellm_spend_logs;

-- What requests cost that have no row (it was lost, or none was wanted): add it to a sum over the view above.
CREATE VIEW spend_gaps AS
SELECT
    strftime('%Y-%m-%d %H:%M:%S', g.started / 1000000, 'unixepoch') AS "startTime",
    strftime('%Y-%m-%d %H:%M:%S', g.ended / 1000000, 'unixepoch') AS "endTime",
    g.requests AS requests,
    g.errors AS errors,
    g.cost / 1e9 AS spend,
    g.prompt AS prompt_tokens,
    g.completion AS completion_tokens,
    CASE r.model WHEN '' THEN r.client_model ELSE r.model END AS model,
    CASE r.group_name WHEN '' THEN r.client_model ELSE r.group_name END AS model_group,
    c.key_name AS api_key
FROM gaps AS g
JOIN routes AS r ON r.id = g.route
JOIN clients AS c ON c.id = g.client;
