//! Token bounds, estimates and context windows, without counting on the request path.
