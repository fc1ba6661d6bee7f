//! What the stories, the Docker tests, the lab and the benches share.
