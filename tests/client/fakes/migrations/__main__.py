from tests.client.fakes import behaviour

behaviour.begin("migrations")
