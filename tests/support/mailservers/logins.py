"""Who may log in, and as which user of the system the servers run."""
import grp
import os
import pwd

PASSWORD = 'pass'
MAIL_UID = 20000


def is_right(login, password):
    """Any login has the password "pass", but for those that begin with "wrong"."""
    return password == PASSWORD and not login.startswith('wrong')


def mail_owner():
    """uid and gid of the stored mail."""
    return (MAIL_UID, MAIL_UID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def unprivileged_user():
    """Name of a user, and of its group, that a server started by us may run as."""
    user = pwd.getpwnam('nobody') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return user.pw_name, grp.getgrgid(user.pw_gid).gr_name


def give_to_mail_owner(folder):
    os.makedirs(folder, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, *mail_owner())
