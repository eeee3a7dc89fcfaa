"""Names that tell e-mail addresses of roles, examples and files from those of persons. Lists only; judges nothing."""

from __future__ import annotations

from typing import Final


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


ENDINGS: Final = _listed(
    """
    academy agency aero app art asia band bank bar bio biz blog cafe care cash cat center chat church city clinic
    cloud club coach codes coffee com community company consulting cool coop coupons design dev digital direct
    doctor edu education email energy engineering events exchange expert family fashion finance fit foundation fun
    games gallery gmbh global gov green group guru health help holdings hospital host house inc info ink institute
    int international jobs kitchen land law lawyer legal life link live love ltd management market marketing media
    men mil mobi money museum name net network news ngo online ong org page partners party photo photography pics
    press pro properties pub red rent report restaurant review rocks sale school science services shop site social
    software solutions space store studio style support systems team tech technology today tools top tours town
    toys travel university uno vet vin vip website wiki wine work works world xxx xyz yoga zone
    """
)
"""Generic endings in use (IANA root zone, a selection); those of two letters are countries'."""
FILE_ENDINGS: Final = _listed(
    """
    bmp c cc cfg conf cpp cs css csv dll doc docx exe gif go gz h hpp html ico ini ipynb jar java jpeg jpg js json
    jsx kt lock log lua md mp3 mp4 next o pdf php pl png ps py rar rb rs scss sh so sql svg swift tar tgz toml ts
    tsx ttf txt wav webp woff xls xlsx xml yaml yml zip local localdomain internal lan
    """
)
"""What an address does not end in, but a file does, or a name inside of a house."""
COUNTRIES_LIKE_FILES: Final = _listed(
    """
    pl rs sh cc md py so ps
    """
)
"""Endings of files that are countries as well."""
NOBODY: Final = _listed(
    """
    user username user1 user2 you your yourname your.name your_name your-name youremail your.email your_email
    your-email name yourusername myname my.name myemail my_email email emailaddress email.address address test
    test1 test123 tester testuser test.user test_user testing foo bar baz foobar abc abcd abc123 xyz xxx xxxx
    example sample dummy someone somebody anyone nobody person recipient sender receiver me myself mail first.last
    firstname.lastname firstname lastname first_last firstlast fname.lname a b c x y z usuario nombre correo tu
    nom prenom.nom utilisateur benutzer vorname.nachname max.mustermann git
    """
)
"""Local parts that say that somebody's own is to be put there."""
ANY_DOMAIN: Final = _listed(
    """
    domain yourdomain your-domain mydomain my-domain somedomain company yourcompany your-company mycompany email
    mail test site website yoursite mysite host hostname server provider something somewhere abc xyz foo bar
    foobar sample samplemail dominio domaine firma empresa xxx xxxx
    """
)
"""Names of domains that stand for any."""
ROLES: Final = _listed(
    """
    abuse accounting accounts admin administrator admissions advertising alerts api app billing booking bookings
    bot bugs careers ceo claims compliance contact contactus contacto customer customercare customers
    customerservice customer-service customer.service customer.support customersupport desk dev dpo donate
    donotreply do-not-reply editor editorial editors enquiries enquiry events facturacion feedback finance
    frontdesk general hello help helpdesk hi hola hostmaster hr info information inquiries inquiry invest investor
    ir it jobs kontakt legal library mailer-daemon mail mailing management marketing media member members
    membership news newsletter no-reply no.reply noreply notification notifications office orders order partners
    partnership payments postmaster pr press privacy purchase purchasing recruiting recruitment registration reply
    reservation reservations returns root sales secretary security service services shop staff store subscribe
    subscriptions suggestions support soporte tech techsupport technical ticket tickets unsubscribe ventas
    vertrieb verkauf volunteer volunteers web webmaster welcome buchhaltung bewerbung rechnung kundenservice
    datenschutz boss manager assistant team
    """
)
"""Local parts of mailboxes of a function rather than a person (RFC 2142 and what organisations use beside it)."""
